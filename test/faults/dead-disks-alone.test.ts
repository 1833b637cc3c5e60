import { performance } from "node:perf_hooks";
import { afterEach, describe, expect, it } from "vitest";
import type { StatusReport } from "../../src/status/report.ts";
import { canDie, DeadDisk } from "../support/dead-disk.ts";
import { type Ran, Workspace } from "../support/workspace.ts";

/** Some disks that are dead; three times as many as there are threads by default. */
const DEAD = Array.from({ length: 12 }, (_, number) => `dead-${number}`);
/** More than there are threads for. */
const LEGION = Array.from({ length: 70 }, (_, number) => `dead-${number}`);

/** A process whose threads hang is ended by a signal, unless it can become another one that has none. */
const becomes = typeof process.execve === "function";

let workspace: Workspace;
let disks: DeadDisk[] = [];
afterEach(async () => {
  for (const disk of disks.splice(0)) disk.revive();
  await workspace.dispose();
});

/** Repos that know each other's states, without a daemon, and then most of their disks die. */
async function prepare(dead: readonly string[]): Promise<void> {
  const names = [...dead, "x", "y"];
  workspace = await Workspace.create({ repos: Object.fromEntries(names.map((name) => [name, {}])) });
  for (const name of names) await workspace.save(name, `state of ${name}\n`);
  expect((await workspace.run(["sync", "--all"])).code).toBe(0);
  disks = dead.map((name) => DeadDisk.over(workspace.repo(name)));
}

async function ends(words: string, withinMs: number): Promise<Ran> {
  const started = performance.now();
  const ran = await workspace.run(words.split(" "));
  expect(performance.now() - started).toBeLessThan(withinMs);
  return ran;
}

function expectCode({ code }: Ran, expected: number): void {
  expect(code).toBe(becomes ? expected : null);
}

describe.skipIf(!canDie())("commands without a daemon, on disks that are gone (needs to mount)", () => {
  it("status tells of the others, names the dead, and ends", async () => {
    await prepare(DEAD);
    const ran = await ends("status --json", 20_000);
    const { edges, problems }: StatusReport = JSON.parse(ran.stdout);
    for (const { from, to, status } of edges)
      expect(status === "fresh").toBe(![from, to].some((name) => name.startsWith("dead")));
    const silent = problems.filter(({ repo }) => repo !== undefined);
    expect(new Set(silent.map(({ repo }) => repo))).toEqual(new Set(DEAD));
    for (const { remedy } of silent) expect(remedy).toContain("disk");
    expectCode(ran, 3);
    const explained = await ends("explain x", 20_000);
    expect(explained.stdout).toContain("y is fresh");
    expect(explained.stdout).toContain(`${workspace.repo("dead-0")} does not answer`);
    expectCode(explained, 1);
  });

  it("doctor looks at the others, names the dead, and ends", async () => {
    await prepare(DEAD);
    const ran = await ends("doctor --json", 20_000);
    const told: { about: string; level: string }[] = JSON.parse(ran.stdout);
    const wrong = told.filter(({ about, level }) => level === "error" && about.startsWith("dead"));
    expect(new Set(wrong.map(({ about }) => about))).toEqual(new Set(DEAD));
    expect(told.some(({ about }) => about === "disk")).toBe(false);
    expectCode(ran, 1);
  });

  it("sync does what can be done, names the dead, and ends", async () => {
    await prepare(DEAD);
    await workspace.save("x", "news\n");
    const dry = await ends("sync x --dry-run", 20_000);
    expect(dry.stdout).toContain("+news");
    expect(dry.stderr).toContain(`${workspace.repo("dead-0")} does not answer`);
    expectCode(dry, 1);
    const ran = await ends("sync --all", 30_000);
    expect(ran.stdout).toContain(`[state_sync] Synced x STATE.md -> ${workspace.cacheFile("y")}\n`);
    expect(await workspace.received("y", "x")).toBe("news\n");
    for (const name of DEAD) expect(ran.stderr).toContain(`${workspace.repo(name)} does not answer`);
    expect(ran.stderr).toContain("Look at the disk");
    expectCode(ran, 1);
  });

  it("pull prints what there is, names the dead, and ends; a dead repo's own state comes from a peer's cache", async () => {
    await prepare(DEAD);
    await workspace.save("y", "news\n");
    const ran = await ends("pull x", 30_000);
    expect(ran.stdout).toContain("\nnews\n");
    for (const name of DEAD) {
      expect(ran.stdout).toContain(`\nstate of ${name}\n`);
      expect(ran.stderr).toContain(`${workspace.repo(name)} does not answer`);
    }
    expectCode(ran, 0);
    expect((await ends("pull x --raw --from dead-3", 30_000)).stdout).toBe("state of dead-3\n");
    const dead = await ends("pull dead-0", 30_000);
    expect(dead.stderr).toContain(`${workspace.repo("dead-0")} does not answer`);
    expectCode(dead, 1);
  });

  it("those that only read the config end too", async () => {
    await prepare(DEAD);
    expect((await ends("repos list", 15_000)).code).toBe(0);
    const checked = await ends("config check", 15_000);
    expect(checked.stderr).toContain(`the disk of ${workspace.repo("dead-0")} does not answer`);
    expectCode(checked, 0);
  });

  it("more of them than there are threads: every command says so, and ends", async () => {
    await prepare(LEGION);
    for (const words of ["status", "explain x", "sync x", "sync --all --dry-run", "pull x"]) {
      const ran = await ends(words, 20_000);
      expect(ran.stderr).toContain(`no answer from ${workspace.repo("dead-0")}, `);
      expectCode(ran, 1);
    }
  }, 150_000);

  it("a disk that comes back in time costs no exit code", async () => {
    await prepare(["dead-0"]);
    const asking = workspace.run(["status", "--json"]);
    setTimeout(() => disks.pop()?.revive(), 1_000);
    expect((await asking).code).toBe(3);
  });
});
