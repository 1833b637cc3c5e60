import type { Config } from "../config/load.ts";
import { sha256 } from "../core/snapshot.ts";
import { VERSION } from "../version.ts";

/** What tells the guard's rules from others: the user's, and those that come with a version. */
export function rulesMark({ guard }: Pick<Config, "guard">): string {
  return sha256(Buffer.from(JSON.stringify([VERSION, guard]))).slice(0, 16);
}
