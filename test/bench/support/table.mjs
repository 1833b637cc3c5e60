/** Rows as text in columns, for a terminal: of each column the key, its heading, and the decimals of numbers. */
export function asText(title, columns, rows) {
  const cells = cellsOf(columns, rows);
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at].length)));
  const lines = cells.map((row) =>
    row
      .map((cell, at) => (isNumeric(columns[at]) ? cell.padStart(widths[at]) : cell.padEnd(widths[at])))
      .join("  "),
  );
  return `\n${title}\n${lines.map((line) => `  ${line.trimEnd()}\n`).join("")}`;
}

/** The same as a table in Markdown. */
export function asMarkdown(title, columns, rows) {
  const [head, ...body] = cellsOf(columns, rows);
  const rule = columns.map((column) => (isNumeric(column) ? "---:" : "---"));
  const lines = [head, rule, ...body].map((row) => `| ${row.join(" | ")} |\n`);
  return `**${title}**\n\n${lines.join("")}`;
}

function isNumeric([, , decimals]) {
  return decimals !== undefined;
}

function cellsOf(columns, rows) {
  return [columns.map(([, heading]) => heading), ...rows.map((row) => cellsOfRow(columns, row))];
}

/** Where the first figure is missing stands why, if that is known. */
function cellsOfRow(columns, row) {
  let reason = row.limit;
  return columns.map(([key, , decimals]) => {
    const value = row[key];
    if (decimals === undefined) return String(value ?? "");
    // In a file of JSON, no number is null.
    if (Number.isFinite(value)) return value.toFixed(decimals);
    const cell = reason ?? "-";
    reason = undefined;
    return cell;
  });
}
