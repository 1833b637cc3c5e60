import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasTerminals, Terminal } from "../support/terminal.ts";
import { SCRIPT, Workspace } from "../support/workspace.ts";

describe.skipIf(!hasTerminals)("what people read on a terminal (skipped where tmux is not installed)", () => {
  let workspace: Workspace;
  let terminal: Terminal;
  beforeEach(async () => {
    workspace = await Workspace.create({ repos: { alpha: {}, beta: {} } });
    await workspace.save("alpha", "# alpha\n");
    terminal = await Terminal.open(workspace, { columns: 70, rows: 60 });
  });
  afterEach(async () => {
    terminal.close();
    await workspace.dispose();
  });

  it.each([
    ["doctor", "want to be looked at"],
    ["explain alpha", "runs it here"],
    ["logs --since yesterday", "logs --help"],
    ["config check --config wrong.yaml", "when it is right"],
    ["sync gamma", "one that is registered"],
    ["pull alpha", "meant to be empty"],
    ["hook print", "tells which do"],
  ])("is broken between its words, and not by the terminal: %s", async (line, part) => {
    await writeFile(join(workspace.root, "wrong.yaml"), "version: 2\nrescan: 1\nrepoes: {}\n");
    if (line === "pull alpha") await workspace.save("beta", "");
    // What is typed does not look like the end.
    terminal.type(`clear; node ${SCRIPT} ${line}; echo THE" "END\n`);
    const lines = await terminal.shows(/^THE END$/);
    expect(lines.join(" ").replaceAll(/ +/g, " ")).toContain(part);
    expect(lines).toEqual(terminal.writtenLines());
  });
});
