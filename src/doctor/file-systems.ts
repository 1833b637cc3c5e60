import { statfs } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import { type Check, note } from "./finding.ts";

/** The kernel's numbers (linux/magic.h, statfs(2)) for file systems that others may write without an event here. */
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB 2"],
  [0x01021997, "9P (a folder of the host)"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x65735546, "FUSE"],
  [0x786f4256, "a VirtualBox shared folder"],
  [0x7c7c6673, "a Parallels shared folder"],
  [0xbacbacbc, "a VMware shared folder"],
]);

/** Whether repos lie where changes may come without an event. */
export const checkFileSystems: Check = async ({ config, platform }) => {
  // The numbers of other systems are others.
  if (platform !== "linux" || config === undefined) return [];
  const found = [];
  for (const { name, path, role } of config.registry.repos) {
    const type = role === "passive" ? undefined : await typeOf(path);
    const known = type === undefined ? undefined : REMOTE.get(type);
    if (known === undefined) continue;
    const seconds = Math.round(config.rescanMs / 1_000);
    found.push(
      note(
        name,
        `${path} is on ${known}: what is changed there from elsewhere brings no event, and is found by the rescan, within ${seconds} s`,
      ),
    );
  }
  return found;
};

async function typeOf(path: string): Promise<number | undefined> {
  try {
    // On some systems the number comes with a sign.
    return (await statfs(path)).type >>> 0;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
