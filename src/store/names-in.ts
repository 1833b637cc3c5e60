import { readdir } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/** The names in a directory; none where it is not there or cannot be read. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}
