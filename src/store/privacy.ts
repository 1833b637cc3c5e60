import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What decides whether macOS keeps a program out of a place that belongs to its user. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** The binary that runs this, links resolved: what the user has to grant access to. */
  readonly node: string;
}

export interface Protection {
  /** No bits of a mode are in question: as long as nobody grants access, each try ends in the same way. */
  readonly isCertain: boolean;
  readonly remedy: string;
}

/** In a home: what its user sees as the own things, and what is kept in a cloud. */
const PRIVATE_PLACES = [
  "Desktop",
  "Documents",
  "Downloads",
  join("Library", "Mobile Documents"),
  join("Library", "CloudStorage"),
];

/**
 * Whether a place that could not be read or written is one that macOS protects: from the agents of
 * launchd, though the terminal may read it. The protection refuses with EPERM, where a file's mode
 * refuses with EACCES; there it is only one of two reasons.
 *
 * @param code the system error's.
 */
export function protectionOf(
  path: string,
  code: string | undefined,
  machine?: Machine,
): Protection | undefined {
  if ((code !== "EPERM" && code !== "EACCES") || (machine?.platform ?? process.platform) !== "darwin")
    return undefined;
  const { home, node } = machine ?? thisMachine();
  if (![path, resolved(path)].some((each) => isPrivate(each, home))) return undefined;
  const remedy = `Add ${node} under System Settings > Privacy & Security > Full Disk Access, then restart the daemon: \`state-syncd service restart\`. Or move the repo out of what macOS protects.`;
  return code === "EPERM"
    ? { isCertain: true, remedy }
    : { isCertain: false, remedy: `If that is not it, macOS protects the place. ${remedy}` };
}

function thisMachine(): Machine {
  return { platform: process.platform, home: homedir(), node: resolved(process.execPath) };
}

function isPrivate(path: string, home: string): boolean {
  const places = [...PRIVATE_PLACES.map((place) => join(home, place)), "/Volumes"];
  // The disk takes other cases and another way to write an umlaut for the same name.
  const plain = (text: string): string => text.normalize("NFC").toLowerCase();
  return places.some((place) => `${plain(path)}/`.startsWith(`${plain(place)}/`));
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
