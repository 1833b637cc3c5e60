import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FaultError, systemCode } from "../errors.ts";

/** The templates that the package holds, and that can be used by hand as well. */
export type TemplateName =
  | "systemd/state-syncd.service"
  | "systemd/hardened.conf"
  | "systemd/state-syncd-registry.path"
  | "systemd/state-syncd-registry.service"
  | "launchd/io.github.state-syncd.plist";

/** Reads a template from the package. @throws FaultError SERVICE_FAILED where the package lacks it. */
export async function readTemplate(name: TemplateName): Promise<string> {
  // From the sources, from the bundle's chunks and from a bundle elsewhere the way up is not the same.
  let directory = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const path = join(directory, name);
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
    const parent = dirname(directory);
    if (parent === directory) break;
    directory = parent;
  }
  throw new FaultError("SERVICE_FAILED", `the package lacks ${name}`, {
    remedy: "Install state-syncd again.",
  });
}
