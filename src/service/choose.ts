import { homedir, userInfo } from "node:os";
import { FaultError, systemCode } from "../errors.ts";
import type { ServiceManager } from "./manager.ts";

/**
 * The manager of this system.
 *
 * @throws FaultError SERVICE_UNSUPPORTED, or USAGE where it is called as root for somebody else.
 */
export async function chooseManager(
  env: Readonly<Record<string, string | undefined>>,
): Promise<ServiceManager> {
  const invoker = env["SUDO_USER"];
  if (process.getuid?.() === 0 && invoker !== undefined && invoker !== "root") {
    throw new FaultError("USAGE", `the service is one of ${invoker}'s own: run it without sudo`);
  }
  const home = env["HOME"] === undefined || env["HOME"] === "" ? homedir() : env["HOME"];
  if (process.platform === "linux") {
    const { Systemd } = await import("./systemd.ts");
    return new Systemd({ home, user: userName(), env });
  }
  if (process.platform === "darwin") {
    const { Launchd } = await import("./launchd.ts");
    return new Launchd({ home, uid: process.getuid?.() ?? 0 });
  }
  throw new FaultError("SERVICE_UNSUPPORTED", `no service manager is known for ${process.platform}`);
}

/** In a container the system may know no name of the user: then the number stands for it. */
function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return `${process.getuid?.() ?? ""}`;
  }
}
