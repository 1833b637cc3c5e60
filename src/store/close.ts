import type { FileHandle } from "node:fs/promises";

/** Closes a file that was only read. Whatever a disk has to say at that moment changes nothing any more. */
export async function closeQuietly(handle: FileHandle | undefined): Promise<void> {
  try {
    await handle?.close();
  } catch {
    // The descriptor is gone either way.
  }
}
