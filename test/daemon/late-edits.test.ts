import { appendFile, open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepCopy } from "../../src/store/copies.ts";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { x: {}, y: {} }, rescan: "1h" });
  for (const name of ["x", "y"]) await workspace.save(name, `state of ${name}\n`);
});
afterEach(() => workspace.dispose());

/** Every file in which text of a cache may be: the cache and the copies. */
async function homes(): Promise<string[]> {
  const { copiesDirectory } = workspace.paths;
  const copies = await readdir(copiesDirectory, { recursive: true }).catch(() => []);
  const texts = copies
    .filter((name) => name.endsWith(".md"))
    .map((name) => readFile(join(copiesDirectory, name), "utf8"));
  return [await workspace.cache("y"), ...(await Promise.all(texts))];
}

describe("somebody who writes into a cache that was replaced meanwhile", () => {
  it("slowly, in place and in two parts: every line is in the cache or in a copy, and it is told", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    const file = workspace.cacheFile("y");
    const notes = Array.from({ length: 60 }, (_, index) => `my note ${index}.`);
    await appendFile(file, `\n${notes.join("\n")}\n`);
    await workspace.save("x", "with the notes in place\n");
    await workspace.arrives("x", ["y"], "with the notes in place\n");
    await workspace.healthy();

    const editor = await open(file, "r+");
    const whole = (await editor.readFile("utf8")).replaceAll("my note", "my edited note");
    const { ino } = await editor.stat();
    await workspace.save("x", "replaces the file\n");
    await eventually("the file to be replaced", async () => (await stat(file)).ino !== ino);
    const cut = whole.indexOf("my edited note 7.");
    await editor.truncate(0);
    await editor.write(whole.slice(0, cut), 0);
    // The hazard itself: a pause in which what was written so far looks like all there is.
    await delay(700);
    await editor.write(whole.slice(cut), Buffer.byteLength(whole.slice(0, cut)));
    await editor.close();

    await eventually(
      "every line to be somewhere",
      async () => {
        const texts = await homes();
        const lines = whole.split("\n").filter((line) => line.startsWith("my edited note"));
        const lost = lines.filter((line) => !texts.some((text) => text.split("\n").includes(line)));
        if (lost.length > 0) throw new Error(`nowhere: ${lost.join(", ")}`);
        return lines.length === notes.length;
      },
      10_000,
    );
    const events = (await workspace.log()).map((line) => String(line["event"]));
    expect(events.filter((event) => event.includes("edit"))).not.toEqual([]);
    await workspace.arrives("x", ["y"], "replaces the file\n");
    await workspace.healthy();
  });

  it("whose text is nowhere but in a copy is told where it is", async () => {
    await workspace.run(["sync", "--all"]);
    const { paths } = workspace;
    const scope = { registry: { repos: [] }, paths };
    const copy = await keepCopy("y", Buffer.from("my late note\n"), "late-edit", new Date(), scope);
    const json = await workspace.run(["status", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      copies: [{ repo: "y", reason: "late-edit", path: copy }],
    });
    expect((await workspace.run(["status"])).stdout).toContain(copy);
  });
});
