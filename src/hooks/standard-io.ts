import { fstatSync, read, writeSync } from "node:fs";
import { within } from "../concurrently.ts";
import { systemCode } from "../errors.ts";

/*
 * Standard input and output by their descriptors: Node's streams for them take ten milliseconds to
 * come up, and the agent waits for a hook at every tool call.
 */

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** A harness writes the event at once and closes. */
const INPUT_MS = 2_000;
/** No event is as long; a prompt of megabytes needs not be read to its end. */
const MOST_INPUT = 32 * 1024 * 1024;
const PIECE = 64 * 1024;

/** Whether a person sits there, or nobody: neither says an event. */
export function isTerminalOrNothing(): boolean {
  try {
    return fstatSync(STDIN).isCharacterDevice();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return true;
  }
}

/** What the harness says. What it has said by then, where it does not come to the end. */
export async function readInput(): Promise<string> {
  if (isTerminalOrNothing()) return "";
  const pieces: Buffer[] = [];
  const reading = (async () => {
    for (let size = 0; size < MOST_INPUT;) {
      const piece = await readPiece();
      if (piece.length === 0) return;
      pieces.push(piece);
      size += piece.length;
    }
  })();
  await within(INPUT_MS, reading);
  return Buffer.concat(pieces).toString("utf8");
}

/** Empty at the end. */
async function readPiece(): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(PIECE);
  return await new Promise((resolve, reject) => {
    read(STDIN, piece, 0, PIECE, null, (error, length) => {
      if (error === null) resolve(piece.subarray(0, length));
      else if (error.code === "EOF") resolve(Buffer.alloc(0));
      else reject(error);
    });
  });
}

/** To the model, by way of the harness. Who does not listen any more misses nothing that we could mend. */
export function say(text: string): void {
  write(STDOUT, Buffer.from(text));
}

/** One line, to the harness's log. */
export function complain(line: string): void {
  write(STDERR, Buffer.from(`${line.replaceAll(/\s+/g, " ")}\n`));
}

function write(descriptor: number, bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}
