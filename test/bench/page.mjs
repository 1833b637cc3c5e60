// The tables of a run in docs/performance.md: nobody types a figure. Of itself it takes a run's JSON file and the page.
import { readFileSync, writeFileSync } from "node:fs";
import { asMarkdown } from "./support/table.mjs";

const MARKS = ["<!-- figures: npm run bench -- --markdown docs/performance.md -->", "<!-- figures end -->"];

/** The page with the tables of this run between its marks. */
export function intoPage(page, run) {
  return between(page, MARKS, tablesOf(run));
}

/** The page with a text between two marks of its own. */
export function between(page, [begin, end], text) {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page lacks its marks: ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n${page.slice(to)}`;
}

function tablesOf({ date, machine, node, fileSystem, arguments: words, parts, targets }) {
  const tables = Object.values(parts).flat();
  const blocks = tables.map(({ title, columns, rows, text }) =>
    text === undefined ? asMarkdown(title, columns, rows) : `**${title}**\n\n\`\`\`\n${text}\n\`\`\`\n`,
  );
  const command = ["npm run bench", ...(words.length === 0 ? [] : ["--", ...words])].join(" ");
  const head = `\`${command}\` on ${date}: ${machine}, ${fileSystem}, Node ${node.slice(1)}.\n`;
  return [head, ...blocks, asMarkdown(targets.title, targets.columns, targets.rows)].join("\n");
}

if (process.argv[1] === import.meta.filename) {
  const [json, page] = process.argv.slice(2);
  writeFileSync(page, intoPage(readFileSync(page, "utf8"), JSON.parse(readFileSync(json, "utf8"))));
}
