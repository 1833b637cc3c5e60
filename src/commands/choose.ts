import { emitKeypressEvents } from "node:readline";
import { styleText } from "node:util";
import { columnsOf, cut } from "../status/layout.ts";
import { visible } from "../visible.ts";
import type { CommandContext } from "./context.ts";

/** What a repo that was found is to be. */
export type Part = "share" | "passive" | "leave out";
const PARTS: readonly Part[] = ["share", "passive", "leave out"];

export interface Choice {
  readonly name: string;
  readonly part: Part;
  /** Where it is, and what was found there. */
  readonly about: string;
}

/** Of a name; what was found has to be seen too. */
const MOST_NAME = 30;
/** The head, the hints and the question that comes after need their rows too. */
const OTHER_ROWS = 5;
/** How one goes on and how one leaves is never cut off, for who has not seen this before looks there. */
const SHORTEST_HINT = "Enter: go on. ^C: stop.";
const HINTS = [
  "Space changes what a repo is (s share, p passive, o leave out). Enter: go on. ^C: stop.",
  "Space: share, passive, leave out (or s, p, o). Enter: go on. ^C: stop.",
  "Space, s, p, o: change. Enter: go on. ^C: stop.",
];
const UP = (lines: number): string => (lines > 0 ? `\u001b[${lines}A\r` : "\r");
const CLEAR_BELOW = "\u001b[J";

interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
}

/**
 * Lets somebody change what each repo is to be: one list for all three, which a prompt that knows
 * only of chosen and not chosen cannot give.
 *
 * @returns undefined where they want none of it: ^C, ^D, Escape, q, or the terminal's end.
 */
export async function choose(
  choices: readonly Choice[],
  context: CommandContext,
): Promise<readonly Part[] | undefined> {
  const { stdin, stderr } = context;
  const list = new List(choices, stderr);
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  const redraw = (): void => list.draw();
  stderr.on("resize", redraw);
  try {
    list.draw();
    return await new Promise<readonly Part[] | undefined>((resolve) => {
      stdin.on("keypress", (_text: string | undefined, key: Key) => {
        const answer = list.press(key);
        if (answer === "done") resolve(list.parts);
        else if (answer === "cancelled") resolve(undefined);
        else list.draw();
      });
      stdin.once("end", () => resolve(undefined));
      stdin.resume();
    });
  } finally {
    stdin.removeAllListeners("keypress");
    stderr.off("resize", redraw);
    stdin.setRawMode(false);
    stdin.pause();
    list.erase();
  }
}

class List {
  readonly #choices: readonly Choice[];
  readonly #output: NodeJS.WriteStream;
  readonly #parts: Part[];
  readonly #widths: readonly [number, number];
  #at = 0;
  #first = 0;
  #drawn: readonly string[] = [];

  constructor(choices: readonly Choice[], output: NodeJS.WriteStream) {
    this.#choices = choices;
    this.#output = output;
    this.#parts = choices.map(({ part }) => part);
    this.#widths = [
      Math.max(...PARTS.map((part) => part.length)),
      Math.min(MOST_NAME, Math.max(...choices.map(({ name }) => columnsOf(name)))),
    ];
  }

  get parts(): readonly Part[] {
    return this.#parts;
  }

  press({ name, ctrl }: Key): "done" | "cancelled" | "going on" {
    if ((ctrl === true && (name === "c" || name === "d")) || name === "escape" || name === "q")
      return "cancelled";
    if (name === "return" || name === "enter") return "done";
    const count = this.#choices.length;
    const page = this.#room;
    if (name === "up" || name === "k") this.#at = (this.#at + count - 1) % count;
    if (name === "down" || name === "j") this.#at = (this.#at + 1) % count;
    if (name === "pageup") this.#at = Math.max(0, this.#at - page);
    if (name === "pagedown") this.#at = Math.min(count - 1, this.#at + page);
    if (name === "home") this.#at = 0;
    if (name === "end") this.#at = count - 1;
    if (name === "space") this.#change((part) => PARTS[(PARTS.indexOf(part) + 1) % PARTS.length] ?? part);
    if (name === "s") this.#change(() => "share");
    if (name === "p") this.#change(() => "passive");
    if (name === "o") this.#change(() => "leave out");
    return "going on";
  }

  draw(): void {
    const columns = this.#output.columns || 80;
    const room = this.#room;
    this.#first = Math.min(this.#first, this.#at);
    this.#first = Math.max(this.#first, this.#at - room + 1, 0);
    const shown = this.#choices.slice(this.#first, this.#first + room);
    const below = this.#choices.length - this.#first - shown.length;
    const lines = [
      ...(this.#first > 0 ? [`  ... ${this.#first} more above`] : []),
      ...shown.map((choice, at) => this.#line(choice, this.#first + at)),
      ...(below > 0 ? [`  ... ${below} more below`] : []),
      HINTS.find((hint) => hint.length < columns) ?? SHORTEST_HINT,
    ].map((line) => cut(line, columns - 1));
    const begin = this.#begin();
    this.#drawn = lines;
    const painted = lines.map((line, at) => this.#paint(line, at === lines.length - 1));
    this.#output.write(`${begin}${painted.join("\n")}`);
  }

  erase(): void {
    this.#output.write(this.#begin());
    this.#drawn = [];
  }

  /** Back to where the list begins: a terminal that became narrower has broken its lines. */
  #begin(): string {
    const columns = this.#output.columns || 80;
    const taken = this.#drawn.map((line) => Math.max(1, Math.ceil(columnsOf(line) / columns)));
    const rows = taken.reduce((sum, count) => sum + count, 0);
    return UP(rows - 1) + CLEAR_BELOW;
  }

  #paint(line: string, isHint: boolean): string {
    if (!this.#output.isTTY || (process.env["NO_COLOR"] ?? "") !== "") return line;
    if (isHint || line.startsWith("  ...")) return styleText("dim", line);
    return line.startsWith(">") ? styleText("bold", line) : line;
  }

  #line({ name, about }: Choice, at: number): string {
    const [partWidth, nameWidth] = this.#widths;
    const part = (this.#parts[at] ?? "share").padEnd(partWidth);
    const mark = at === this.#at ? ">" : " ";
    return `${mark} ${part}  ${cut(name, nameWidth).padEnd(nameWidth)}  ${visible(about)}`;
  }

  #change(to: (part: Part) => Part): void {
    const part = this.#parts[this.#at];
    if (part !== undefined) this.#parts[this.#at] = to(part);
  }

  get #room(): number {
    return Math.max(3, (this.#output.rows || 24) - OTHER_ROWS);
  }
}
