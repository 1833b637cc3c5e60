import { readFile, stat } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/** Scripts, settings and instructions are small; what is larger is something else. */
const MOST_BYTES = 1 << 20;

/** The text of a script or the like; undefined where there is no regular file, or one that is too large. */
export async function smallText(file: string): Promise<string | undefined> {
  try {
    const stats = await stat(file);
    return stats.isFile() && stats.size <= MOST_BYTES ? await readFile(file, "utf8") : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** What is at a path, links followed; undefined where nothing is, or nothing can be seen. */
export async function kindAt(path: string): Promise<"file" | "directory" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "directory" : "file";
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
