import { createInterface } from "node:readline/promises";
import { prose, widthOf } from "../status/layout.ts";
import { visible } from "../visible.ts";
import type { CommandContext } from "./context.ts";

/** `nobody`: there is no terminal to ask on. `stopped`: ^C, ^D, or the terminal's end. */
export type Answer = "yes" | "no" | "stopped" | "nobody";

export function canAsk({ stdin, stderr }: CommandContext): boolean {
  return stdin.isTTY && stderr.isTTY;
}

/** Asks what Enter answers with yes. */
export async function ask(question: string, context: CommandContext): Promise<Answer> {
  if (!canAsk(context)) return "nobody";
  const terminal = createInterface({ input: context.stdin, output: context.stderr });
  try {
    const closed = new Promise<undefined>((settle) => terminal.once("close", () => settle(undefined)));
    // ^C and ^D leave a question unanswered for ever.
    terminal.once("SIGINT", () => terminal.close());
    const prompt = prose(`${visible(question)} [Y/n] `, widthOf(context.stderr)).join("\n");
    const answer = await Promise.race([terminal.question(prompt), closed]);
    if (answer === undefined) context.stderr.write("\n");
    if (answer === undefined) return "stopped";
    return /^(?:y|yes)?$/i.test(answer.trim()) ? "yes" : "no";
  } finally {
    terminal.close();
  }
}
