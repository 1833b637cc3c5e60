import type { FileHandle } from "node:fs/promises";

/** What is held in memory of a file at a time, in bytes. */
const PIECE_BYTES = 256 * 1024;

/**
 * Whether an open file holds these bytes and no others: read to its end, in the memory of a piece.
 *
 * @param chunks the bytes in pieces of any length.
 * @throws the file system's error.
 */
export async function holdsJust(handle: FileHandle, chunks: Iterable<Buffer>): Promise<boolean> {
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const expected = chunks[Symbol.iterator]();
  let chunk: Buffer = Buffer.alloc(0);
  let position = 0;
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, position);
    position += bytesRead;
    for (let at = 0; at < bytesRead;) {
      if (chunk.length === 0) {
        const next = expected.next();
        if (next.done === true) return false;
        chunk = next.value;
        continue;
      }
      const length = Math.min(chunk.length, bytesRead - at);
      if (chunk.compare(piece, at, at + length, 0, length) !== 0) return false;
      chunk = chunk.subarray(length);
      at += length;
    }
    if (bytesRead === 0) return chunk.length === 0 && isOver(expected);
  }
}

/** Chunks of no length may be left. */
function isOver(chunks: Iterator<Buffer>): boolean {
  for (let next = chunks.next(); next.done !== true; next = chunks.next())
    if (next.value.length > 0) return false;
  return true;
}
