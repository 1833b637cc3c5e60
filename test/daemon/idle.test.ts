import { readdir, readFile, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { watch } from "chokidar";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

/** Every file below a directory with what a write would change of it. */
async function listing(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  const lines = await Promise.all(
    names.sort().map(async (name) => {
      const { ino, size, mtimeMs, ctimeMs } = await stat(join(directory, name));
      return `${name} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    }),
  );
  return lines;
}

describe("nothing changed, nothing written", () => {
  it("through many rescans, a reload, a touch and a look at the status, no byte moves", async () => {
    workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} }, rescan: "1s" });
    for (const name of ["a", "b", "c"]) await workspace.save(name, `state of ${name}\n`);
    const daemon = await workspace.startDaemon({ args: ["--log-level", "debug"] });
    await workspace.healthy();
    await eventually("the start to be over", async () => (await workspace.status()).queue.depth === 0);
    const repos = join(workspace.root, "repos");
    const rescans = async (): Promise<number> =>
      (await workspace.log()).filter((line) => line["event"] === "rescan.done").length;
    const now = new Date();
    await utimes(workspace.stateFile("a"), now, now);

    const events: string[] = [];
    const watcher = watch(repos, { ignoreInitial: true, atomic: false });
    await new Promise<void>((resolve) => watcher.once("ready", () => resolve()));
    watcher.on("all", (event, path) => events.push(`${event} ${path}`));
    const before = await listing(repos);
    const scanned = await rescans();
    daemon.send("SIGHUP");
    await workspace.run(["status"]);
    await eventually("four more rescans", async () => (await rescans()) >= scanned + 4);
    expect(await listing(repos)).toEqual(before);
    expect(events).toEqual([]);
    await watcher.close();
  });

  it("a restart writes nothing either", async () => {
    workspace = await Workspace.create({ repos: { a: {}, b: {} } });
    for (const name of ["a", "b"]) await workspace.save(name, `state of ${name}\n`);
    await (await workspace.startDaemon()).stop();
    const before = await listing(join(workspace.root, "repos"));
    const written = (await readFile(workspace.paths.logFile, "utf8")).match(/section\.written/g)?.length;
    await (await workspace.startDaemon()).stop();
    expect(await listing(join(workspace.root, "repos"))).toEqual(before);
    expect((await readFile(workspace.paths.logFile, "utf8")).match(/section\.written/g)?.length).toBe(
      written,
    );
  });
});
