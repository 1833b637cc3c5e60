import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exclude, planExclude } from "../../src/store/exclude.ts";
import { temporaryFor } from "../../src/store/temporary.ts";
import { FaultError } from "../../src/errors.ts";
import { useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
const CACHE = ".aibrain/global-state-cache.md";

function git(at: string, ...args: string[]): string {
  const who = ["-c", "user.name=x", "-c", "user.email=x@example.com"];
  return execFileSync("git", ["-C", at, ...who, ...args], { encoding: "utf8" });
}

async function repository(...names: string[]): Promise<string> {
  const path = await directory.make(...names);
  git(path, "init", "-q");
  return path;
}

/** What git sees in a working tree that holds a cache, and a temporary of ours beside it. */
async function seen(workTree: string): Promise<string> {
  await mkdir(join(workTree, ".aibrain"), { recursive: true });
  await writeFile(join(workTree, CACHE), "x");
  await writeFile(temporaryFor(join(workTree, CACHE)), "x");
  return git(workTree, "status", "--porcelain", "--untracked-files=all", ".");
}

async function doExclude(path: string): Promise<void> {
  const plan = await planExclude(path);
  if (plan !== undefined) await exclude(plan);
}

describe("a cache that git is not to see", () => {
  it("is seen before, and neither it nor a temporary beside it after", async () => {
    const path = await repository("r");
    expect(await seen(path)).toContain(CACHE);
    await doExclude(path);
    expect(await seen(path)).toBe("");
    await expect(stat(join(path, ".gitignore"))).rejects.toThrow("ENOENT");
  });

  it("what stood in the file stays, be it without a last newline, and its mode; a second time adds nothing", async () => {
    const path = await repository("r");
    const file = join(path, ".git", "info", "exclude");
    await writeFile(file, "# mine\n*.swp");
    await chmod(file, 0o640);
    await doExclude(path);
    const text = await readFile(file, "utf8");
    expect(text).toMatch(/^# mine\n\*\.swp\n#/);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect((await planExclude(path))?.missing).toEqual([]);
    await doExclude(path);
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("the directory for it may be missing, as a template without one leaves it", async () => {
    const path = await directory.make("r");
    execFileSync("git", ["init", "-q", "--template=", path]);
    await doExclude(path);
    expect(await seen(path)).toBe("");
  });

  it("of worktrees it is the file of all of them, and written once though both ask at once", async () => {
    const path = await repository("r");
    await writeFile(join(path, "a"), "a");
    git(path, "add", "a");
    git(path, "commit", "-qm", "a");
    git(path, "worktree", "add", "-q", directory.at("wt"));
    const plans = await Promise.all([path, directory.at("wt")].map(planExclude));
    expect(plans.map((plan) => plan?.file)).toEqual(Array(2).fill(join(path, ".git", "info", "exclude")));
    for (const plan of plans) if (plan !== undefined) await exclude(plan);
    for (const each of [path, directory.at("wt")]) expect(await seen(each)).toBe("");
    const lines = (await readFile(join(path, ".git", "info", "exclude"), "utf8")).split("\n");
    expect(lines.filter((line) => line === `/${CACHE}`)).toHaveLength(1);
  });

  it("of a submodule it is its own file", async () => {
    const inner = await repository("inner");
    git(inner, "commit", "-qm", "x", "--allow-empty");
    const outer = await repository("outer");
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "sub");
    await doExclude(join(outer, "sub"));
    expect(await seen(join(outer, "sub"))).toBe("");
    expect((await planExclude(join(outer, "sub")))?.file).toContain(join(".git", "modules", "sub"));
  });

  it.each(["pack", "a b", "we[ird]*?", "#1", "!x", String.raw`back\slash`])(
    "a repo that is the directory %j of a larger one",
    async (name) => {
      const top = await repository("top");
      const path = await directory.make("top", name);
      await doExclude(path);
      await mkdir(join(path, ".aibrain"), { recursive: true });
      await writeFile(join(path, CACHE), "x");
      expect(git(top, "status", "--porcelain", "--untracked-files=all")).toBe("");
    },
  );

  it("behind a link to the repo, and a link in the file's place, which stays one", async () => {
    const path = await repository("r");
    await symlink(path, directory.at("link"));
    const file = join(path, ".git", "info", "exclude");
    await writeFile(directory.at("shared"), "");
    execFileSync("ln", ["-sf", directory.at("shared"), file]);
    await doExclude(directory.at("link"));
    expect(await readFile(directory.at("shared"), "utf8")).toContain(`/${CACHE}`);
    expect(await seen(path)).toBe("");
  });

  it("where there is no git there is nothing to do", async () => {
    expect(await planExclude(await directory.make("plain"))).toBeUndefined();
  });

  it("a file that cannot be written is named, and stays", async () => {
    const path = await repository("r");
    const plan = await planExclude(path);
    if (plan === undefined) throw new Error("it is under git");
    execFileSync("rm", ["-r", join(path, ".git", "info")]);
    await writeFile(join(path, ".git", "info"), "in the way");
    const error: unknown = await exclude(plan).catch((thrown: unknown) => thrown);
    if (!(error instanceof FaultError)) throw new Error("it went on");
    expect(error.fault.code).toBe("EXCLUDE_UNWRITABLE");
    expect(error.message).toMatch(/^cannot write .*exclude: E/);
  });
});
