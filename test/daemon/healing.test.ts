import { appendFile, readFile, rename, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { originalWrite } from "../core/original-utility.ts";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
const repos = ["a", "b", "c"];
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} }, rescan: "5s" });
  for (const name of repos) await workspace.save(name, stateOf(name));
});
afterEach(() => workspace.dispose());

function stateOf(name: string): string {
  return `# ${name}\n\n## Status\n\nworking\n\n## Next\n\n- more\n`;
}

describe("a cache that others change", () => {
  it("keeps what people write around the sections, through many syncs", async () => {
    await workspace.startDaemon();
    const cache = workspace.cacheFile("a");
    await appendFile(cache, "\nmy note below\n");
    const text = await readFile(cache, "utf8");
    await writeFile(cache, `my note above\r\n${text}`);
    for (let round = 1; round <= 3; round += 1) {
      await workspace.save("b", `round ${round}\n`);
      await workspace.arrives("b", ["a", "c"], `round ${round}\n`);
    }
    await workspace.healthy();
    const after = await workspace.cache("a");
    expect(after.startsWith("my note above\r\n")).toBe(true);
    expect(after.endsWith("\nmy note below\n")).toBe(true);
  });

  it.each([
    ["a section's text altered", (text: string) => text.replace("working", "idle")],
    ["the end of the file cut off", (text: string) => text.slice(0, text.length / 2)],
    [
      "a section taken out",
      (text: string) => text.replace(/<!-- state-syncd:begin repo="b"[^]*?end repo="b".*\n/, ""),
    ],
    ["everything doubled", (text: string) => text + text],
    ["everything deleted", () => ""],
    [
      "an old version checked out",
      (text: string) => text.replaceAll("working", "older").replaceAll(/sha256="\w+/g, (m) => m),
    ],
  ])("is healed: %s", async (_what, damage) => {
    await workspace.startDaemon();
    const good = await workspace.cache("a");
    await writeFile(workspace.cacheFile("a"), damage(good));
    await eventually("the cache to be healed", async () => {
      const bodies = await Promise.all(["b", "c"].map((peer) => workspace.received("a", peer)));
      return bodies[0] === stateOf("b") && bodies[1] === stateOf("c");
    });
    await workspace.healthy();
  });

  it("the original utility beside the daemon: healed after each of its writes, and never grows", async () => {
    await workspace.startDaemon();
    await appendFile(workspace.cacheFile("a"), "\nmy note\n");
    await workspace.healthy();
    const size = (await workspace.cacheBytes("a")).length;
    for (let round = 0; round < 6; round += 1) {
      const peer = round % 2 === 0 ? "b" : "c";
      const before = await readFile(workspace.cacheFile("a"));
      const written = originalWrite(before, peer, stateOf(peer), "2026-11-22T10:00:00.000000");
      await writeFile(workspace.cacheFile("a"), written);
      await eventually("the cache to be healed", async () => {
        const sections = await workspace.sections("a");
        const bodies = sections.map((section) => section.body.toString("utf8"));
        // The original strips white space at the end of the file, so a byte may go; none may come.
        const grown = (await workspace.cacheBytes("a")).length - size;
        return bodies.join() === [stateOf("b"), stateOf("c")].join() && grown <= 0;
      });
    }
    expect(await workspace.cache("a")).toContain("\nmy note");
    await workspace.healthy();
  });

  it("somebody who rewrites it again and again is told about, and not fought without end", async () => {
    await workspace.startDaemon();
    const stop = new AbortController();
    const fight = (async () => {
      while (!stop.signal.aborted) {
        const text = await workspace.cache("a");
        await writeFile(workspace.cacheFile("a"), text.replaceAll("working", "vandalised"));
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    })();
    await eventually("the fight to be told", async () =>
      (await workspace.status()).problems.some(
        (problem) => problem.code === "CACHE_CONTESTED" && problem.repo === "a",
      ),
    );
    const heals = async (): Promise<number> =>
      (await workspace.log()).filter((line) => line["event"] === "cache.healed" && line["cache"] === "a")
        .length;
    const then = await heals();
    // The other edges go on as if nothing were.
    for (let round = 0; round < 5; round += 1) {
      await workspace.save("a", `news ${round}\n`);
      await workspace.arrives("a", ["b", "c"], `news ${round}\n`);
    }
    expect((await heals()) - then).toBeLessThanOrEqual(3);
    stop.abort();
    await fight;
  });
});

describe("an old cache", () => {
  it("made by the original utility is adopted: one section a repo, the old file kept", async () => {
    let old: Buffer | undefined;
    for (let round = 0; round < 5; round += 1) {
      old = originalWrite(old, "b", stateOf("b"), `2026-11-2${round}T10:00:00.000000`);
      old = originalWrite(old, "c", stateOf("c"), `2026-11-2${round}T11:00:00.000000`);
    }
    await writeFile(`${workspace.repo("a")}/old`, old ?? "");
    await workspace.run(["sync", "b"]); // makes .aibrain
    await rename(`${workspace.repo("a")}/old`, workspace.cacheFile("a"));
    await workspace.startDaemon();
    await workspace.healthy();
    const text = await workspace.cache("a");
    for (const peer of ["B", "C"]) expect(text.split(`## ${peer} State`).length).toBe(2);
    const copy = (await workspace.status()).copies.find((entry) => entry.reason === "adopted");
    expect(copy?.repo).toBe("a");
    expect(await readFile(copy?.path ?? "")).toEqual(old);
    expect((await workspace.run(["status"])).stdout).toContain(copy?.path);
  });
});
