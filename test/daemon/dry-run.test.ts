import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { originalWrite } from "../core/original-utility.ts";
import { placeConfig } from "../support/config-file.ts";
import { type Ran, Workspace } from "../support/workspace.ts";

const TOKEN = `ghp_${"a1B2c3D4e5F6g7H8i9J0".repeat(2).slice(0, 36)}`;
const DATES = { patterns: { date: "[0-9]{4}-[0-9]{2}-[0-9]{2}" } };

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} } });
  for (const name of ["a", "b", "c"]) await workspace.save(name, `state of ${name}\n`);
  await workspace.run(["sync", "--all"]);
});
afterEach(() => workspace.dispose());

function dryRun(...names: readonly string[]): Promise<Ran> {
  return workspace.run(["sync", ...names, "--dry-run"]);
}

describe("sync --dry-run", () => {
  it("lets no pattern of a user spoil our own lines: the diff is what a sync changes", async () => {
    await workspace.configure({ guard: DATES });
    await workspace.save("a", "born 1970-01-01, due soon\n");
    const { code, stdout } = await dryRun("a");
    expect(code).toBe(0);
    expect(stdout).toContain("+born [REDACTED:date], due soon\n");
    expect(stdout).not.toContain("1970-01-01");
    for (const sign of ["-", "+"]) {
      expect(stdout).toMatch(new RegExp(`^\\${sign}\\*\\*Last Synced\\*\\*: \\d{4}-\\d\\d-\\d\\dT`, "m"));
      expect(stdout).toMatch(new RegExp(`^\\${sign}\\| a \\| \\d{4}-\\d\\d-\\d\\dT.* B \\|$`, "m"));
    }
  });

  it("shows what a rule takes out of a section that stands there, and not what it was", async () => {
    await workspace.save("a", "born 1970-01-01\n");
    expect((await workspace.run(["sync", "a"])).code).toBe(0);
    await workspace.configure({ guard: DATES });
    await workspace.save("a", "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n");
    const { code, stdout, stderr } = await dryRun("a");
    expect(code).toBe(1);
    expect(stderr).toContain("git conflict markers");
    expect(stdout).toContain("+**Guard**: 1 secret redacted\n");
    expect(stdout).not.toContain("1970-01-01");
  });

  it("shows no secret that stands in a note or in what the original utility copied", async () => {
    const old = originalWrite(undefined, "a", `token ${TOKEN}\n`, "2026-01-01T00:00:00");
    await writeFile(workspace.cacheFile("b"), old);
    const cache = await workspace.cache("c");
    const begin = '\n<!-- state-syncd:begin repo="b"';
    await writeFile(workspace.cacheFile("c"), cache.replace(begin, `my note: ${TOKEN}\n${begin}`));
    await workspace.save("a", "news\n");
    const { stdout, stderr } = await dryRun("a");
    expect(stdout).toContain("+news\n");
    expect(stdout).toContain("my note: [REDACTED:github-token]\n");
    expect(stdout + stderr).not.toContain(TOKEN);
  });

  it("tells of a rule that fails, by name, and shows nothing that it should have passed", async () => {
    // Before a marker each letter stands at a word's end.
    await workspace.configure({ guard: { patterns: { eager: String.raw`x\b` } } });
    await workspace.save("a", `${"x".repeat(40)}\n`);
    const { code, stdout, stderr } = await dryRun("a");
    expect(code).toBe(1);
    expect(stderr).toMatch(/the guard failed on .*: the rule eager finds more/);
    expect(stdout + stderr).not.toMatch(/internal error|xxx/);
    // A note that cannot be shown is no reason to show nothing of the others.
    await workspace.save("a", "news\n");
    await writeFile(workspace.cacheFile("b"), `${await workspace.cache("b")}\n${"x".repeat(40)}\n`);
    const shown = await dryRun("a");
    expect(shown.code).toBe(1);
    expect(shown.stderr).toContain(`${workspace.cacheFile("b")} cannot be shown: the rule eager finds more`);
    expect(shown.stdout).toContain(`+++ ${workspace.cacheFile("c")}`);
    expect(shown.stdout + shown.stderr).not.toMatch(/internal error|xxx/);
  });

  it("says what is paused, as a sync does", async () => {
    const daemon = await workspace.startDaemon();
    expect((await workspace.run(["pause", "a"])).code).toBe(0);
    expect((await workspace.run(["pause", "c"])).code).toBe(0);
    await daemon.stop();
    await workspace.save("b", "news\n");
    const source = await dryRun("a");
    expect(source).toMatchObject({ code: 1, stdout: "" });
    expect(source.stderr).toContain("a is paused");
    const target = await dryRun("b");
    expect(target.code).toBe(1);
    expect(target.stderr).toContain("c is paused");
    expect(target.stdout).not.toContain(workspace.repo("c"));
  });

  it("does not look into another repo's cache through a link", async () => {
    const nested = `${workspace.repo("a")}/sub`;
    await mkdir(`${nested}/.aibrain`, { recursive: true });
    await writeFile(`${nested}/.aibrain/global-state-cache.md`, "a note of another group\n");
    await placeConfig(workspace, { a: {}, b: {}, sub: { path: nested, groups: ["two"] } });
    await rm(dirname(workspace.cacheFile("a")), { recursive: true });
    await symlink("sub/.aibrain", dirname(workspace.cacheFile("a")));
    await workspace.save("b", "news\n");
    const { code, stdout, stderr } = await dryRun("b");
    expect(code).toBe(1);
    expect(stderr).toContain("leads into sub, another repo");
    expect(stdout).not.toContain("a note of another group");
  });
});
