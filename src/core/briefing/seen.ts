import { hash } from "node:crypto";
import { linesOf, readFacts } from "../digest/blocks.ts";
import { Remembered } from "../remembered.ts";

/** What an agent has been told of one peer, as little of it as it takes to tell it what is new. */
export interface Seen {
  /** Hex digest of the state that it was told of. */
  readonly sha256: string;
  /** Of every line of that state, see {@link lineMark}. */
  readonly marks: readonly string[];
  /** The lines that it has read. */
  readonly shown: readonly string[];
}

/** What tells one line from another: of what was never shown nothing readable is kept. 48 bits. */
export function lineMark(line: string): string {
  return hash("sha256", line.trim(), "base64url").slice(0, 8);
}

/** The marks of a state's lines, and of its front matter's facts as a digest words them. */
export function marksOf(text: string): readonly string[] {
  return remembered.of(text, () => {
    const lines = new Set(tellingLines(text).map((line) => line.trim()));
    return [...new Set([...lines].map(lineMark))];
  });
}

/** Every session that is told of a state remembers its marks. */
const remembered = new Remembered<readonly string[]>(1024 * 1024);

/** The lines of a state that say something, and the facts of its front matter. */
export function tellingLines(text: string): string[] {
  const facts = readFacts(text).map(([key, value]) => `${key}: ${value}`);
  return [...facts, ...linesOf(text).filter((line) => line.trim() !== "")];
}
