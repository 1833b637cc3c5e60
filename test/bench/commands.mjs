// What people, prompts and hooks wait for: start-up.mjs as a part of the whole.
import { runScript } from "./support/script.mjs";

const columns = [
  ["command", ""],
  ["ms", "ms", 1],
  ["ratio", "x node -e 0", 2],
];

export async function measure({ scratch, quick, rounds = quick ? 8 : 12, progress }) {
  progress("commands and hooks");
  const { messages } = await runScript(scratch, "start-up.mjs", [String(rounds)]);
  return messages.map(({ title, medians }, index) => {
    const base = new Map(medians).get("node -e 0");
    const rows = medians.map(([command, ms]) => ({ command, ms, ratio: ms / base }));
    return { name: index === 0 ? "commands" : "commandsAlone", title: `Commands ${title}`, columns, rows };
  });
}
