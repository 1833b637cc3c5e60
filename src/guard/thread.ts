import { parentPort, workerData } from "node:worker_threads";
import { Inspector } from "./inspector.ts";
import { RuleError } from "./rule-error.ts";
import type { Outcome, Task } from "./threads.ts";

/** The thread's side of `threads.ts`: one text after the other, each with its rules. */

const data: unknown = workerData;
const atRule = data instanceof SharedArrayBuffer ? Buffer.from(data) : Buffer.alloc(256);

function at(name: string): void {
  atRule.writeUInt8(atRule.write(name, 1, atRule.length - 1, "utf8"));
}

let rules = "";
let inspector: Promise<Inspector> | undefined;

async function inspect({ options, body }: Task): Promise<Outcome> {
  at("");
  const wanted = JSON.stringify(options);
  if (wanted !== rules) inspector = undefined;
  rules = wanted;
  inspector ??= Inspector.load(options).catch((error: unknown) => {
    // Files that could not be read now may be read the next time.
    inspector = undefined;
    throw error;
  });
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const { body: changed, ...found } = await (await inspector).inspect(text, at);
  return { ok: true, body: changed === text ? undefined : changed, found };
}

parentPort?.on("message", (task: Task) => {
  void inspect(task)
    .catch((error: unknown): Outcome => {
      // What anything but a rule's own word says may quote the text.
      const message = error instanceof RuleError ? error.message : "the guard's thread failed";
      return { ok: false, message };
    })
    .then((outcome) => parentPort?.postMessage(outcome, []));
});
