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
const CLOSING_BRACE = 0x7d;
const NEWLINE = 0x0a;
/** Somebody else has made the descriptor one that does not wait. */
const AGAIN_MS = 5;

/** Whether a person sits there, or nobody: neither says an event. */
export function isTerminalOrNothing(): boolean {
  try {
    return fstatSync(STDIN).isCharacterDevice();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return true;
  }
}

/**
 * What the harness says. What it has said by then, where it does not come to the end.
 *
 * @param isWhole whether nothing is missing from a text. Nothing more is waited for then: a thread that
 *   waits keeps an older Node from ending with a code.
 */
export async function readInput(isWhole: (text: string) => boolean): Promise<string> {
  if (isTerminalOrNothing()) return "";
  const pieces: Buffer[] = [];
  const reading = (async () => {
    for (let size = 0; size < MOST_INPUT;) {
      const piece = await readPiece();
      if (piece.length === 0) return;
      pieces.push(piece);
      size += piece.length;
      if (piece.at(-1) === CLOSING_BRACE || piece.at(-1) === NEWLINE)
        if (isWhole(Buffer.concat(pieces).toString("utf8"))) return;
    }
  })();
  await within(INPUT_MS, reading);
  return Buffer.concat(pieces).toString("utf8");
}

/** Empty at the end. */
async function readPiece(): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(PIECE);
  for (;;) {
    const length = await new Promise<number | undefined>((resolve, reject) => {
      read(STDIN, piece, 0, PIECE, null, (error, bytes) => {
        if (error === null) resolve(bytes);
        else if (error.code === "EOF") resolve(0);
        else if (error.code === "EAGAIN") resolve(undefined);
        else reject(error);
      });
    });
    if (length !== undefined) return piece.subarray(0, length);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
  }
}

/** To the model, by way of the harness. @returns false where that does not listen any more. */
export function say(text: string): boolean {
  return write(STDOUT, Buffer.from(text));
}

/** One line, to the harness's log. */
export function complain(line: string): void {
  write(STDERR, Buffer.from(`${line.replaceAll(/\s+/g, " ")}\n`));
}

function write(descriptor: number, bytes: Buffer): boolean {
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
