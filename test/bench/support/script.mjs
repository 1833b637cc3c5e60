import { once } from "node:events";
import { resolve } from "node:path";

/**
 * Runs a script of ours that measures and prints by itself, and can be called alone.
 *
 * @returns what it printed, and the messages that it sent.
 */
export async function runScript(scratch, file, args = []) {
  // What it makes lies in our scratch directory, and is removed with it whatever happens.
  const env = { ...scratch.env, TMPDIR: scratch.run };
  const stdio = ["ignore", "pipe", "inherit", "ipc"];
  const child = scratch.start(process.execPath, [resolve("test/bench", file), ...args], { env, stdio });
  const messages = [];
  let text = "";
  child.on("message", (message) => messages.push(message));
  child.stdout.on("data", (chunk) => (text += chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${file} ended with ${code}`);
  return { text, messages };
}
