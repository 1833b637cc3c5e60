// What the guard costs: guard.mjs as a part of the whole. Its tables are of many kinds and stay as it prints them.
import { runScript } from "./support/script.mjs";

export async function measure({ scratch, progress }) {
  progress("looks, loading, hostile texts");
  const { text } = await runScript(scratch, "guard.mjs");
  return [{ name: "guard", title: "The guard", columns: [["text", ""]], rows: [], text: text.trim() }];
}
