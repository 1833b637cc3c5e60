import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import { Sources } from "../../src/sync/sources.ts";
import { eventually } from "../support/eventually.ts";
import { Git } from "../support/git.ts";
import { repoIn, useTempDirectory } from "../support/temp-dir.ts";

/** Stops a rebase at every commit. */
const EDIT_ALL = { GIT_SEQUENCE_EDITOR: "sed -i s/^pick/edit/" };

const NO_RULES = { patterns: {}, allow: [] };

const directory = useTempDirectory();
let repo: Repo;
let sources: Sources;
let git: Git;
beforeEach(async () => {
  repo = repoIn(directory.path, "repo");
  sources = new Sources();
  await mkdir(repo.path);
  git = new Git(repo.path, directory.path, EDIT_ALL);
  git.run("init", "-q", "-b", "main");
});

async function save(text: string, name = "STATE.md"): Promise<void> {
  await writeFile(directory.at("repo", name), text);
}

/** Nobody saves within the tick of the file system's clock in which git came to rest. */
async function saveLater(text: string): Promise<void> {
  await delay(20);
  await save(text);
}

/** A state of many lines: what is done to its ends does not conflict. */
function state(head: string, tail = "the end"): string {
  return [head, ...Array.from({ length: 12 }, (_, index) => `line ${index}`), tail, ""].join("\n");
}

async function commit(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await save(text, name);
  git.run("add", ".");
  git.run("commit", "-qm", Object.keys(files).join(" "));
}

/**
 * `topic` has three commits that change the state file. On `main` there is another one, with
 * which the second of them conflicts in a file of its own.
 */
async function branches(): Promise<void> {
  await commit({ "STATE.md": state("base") });
  git.run("checkout", "-qb", "topic");
  for (const round of [1, 2, 3])
    await commit({ "STATE.md": state(`topic ${round}`), [`f${round}`]: "topic" });
  git.run("checkout", "-q", "main");
  await commit({ f2: "main" });
  git.run("checkout", "-q", "topic");
  expect(await look()).toEqual([state("topic 3"), undefined]);
}

/** What the peers hold after a look, and the code of what holds back what the file says. */
async function look(asked = false): Promise<[text: string | undefined, code: string | undefined]> {
  await sources.observe(repo, {
    maxBytes: 10_000,
    registry: { repos: [repo] },
    guard: NO_RULES,
    found: "event",
    asked,
    now: new Date(),
  });
  const source = sources.get("repo");
  return [source?.snapshot?.body.toString(), source?.fault?.code];
}

const MIDWAY = "STATE_FILE_GIT_MIDWAY";

describe("a .git that was made to do harm", () => {
  it("with 150,000 marks of a bisect in it is no reason to give up", async () => {
    await mkdir(`${repo.path}/.git/rebase-merge`, { recursive: true });
    for (let at = 0; at < 150_000; at += 1_000) {
      const names = Array.from({ length: 1_000 }, (_, index) => `${repo.path}/.git/BISECT_${at + index}`);
      await Promise.all(names.map((name) => writeFile(name, "")));
    }
    await save("a state\n");
    // What git put there last is as good a guess as none; what counts is that there is an answer.
    expect([undefined, MIDWAY]).toContain((await look())[1]);
  });
});

describe("during a rebase", () => {
  beforeEach(branches);

  it("git's file waits at each stop; what is saved there goes; the end releases", async () => {
    git.run("rebase", "-qi", "HEAD~3");
    expect(await look(), "at the first stop").toEqual([state("topic 3"), MIDWAY]);
    await saveLater(state("topic 1", "by an agent"));
    expect(await look()).toEqual([state("topic 1", "by an agent"), undefined]);
    git.run("commit", "-qa", "--amend", "--no-edit");
    expect(await look(), "a commit takes nothing back").toEqual([state("topic 1", "by an agent"), undefined]);
    git.run("rebase", "--continue");
    expect(await look(), "at the second").toEqual([state("topic 1", "by an agent"), MIDWAY]);
    await saveLater(state("topic 2", "by another"));
    expect(await look()).toEqual([state("topic 2", "by another"), undefined]);
    git.run("checkout", "-q", "STATE.md");
    expect(await look(), "taken back by git").toEqual([state("topic 2", "by another"), MIDWAY]);
    git.run("rebase", "--continue");
    git.run("rebase", "--continue");
    expect(await look(), "at the end").toEqual([state("topic 3", "by an agent"), undefined]);
  });

  it("an abort releases, and who asks is not held", async () => {
    git.run("rebase", "-qi", "HEAD~3");
    expect(await look()).toEqual([state("topic 3"), MIDWAY]);
    expect(await look(true)).toEqual([state("topic 1"), undefined]);
    git.run("rebase", "--abort");
    expect(await look()).toEqual([state("topic 3"), undefined]);
  });

  it.each(["--merge", "--apply"])("that stopped at a conflict in another file, by %s", async (backend) => {
    expect(() => git.run("rebase", "-q", backend, "main")).toThrow(/Command failed/);
    expect(await look()).toEqual([state("topic 3"), MIDWAY]);
    await saveLater(state("topic 2", "by an agent"));
    expect(await look()).toEqual([state("topic 2", "by an agent"), undefined]);
    await save("resolved", "f2");
    git.run("add", ".");
    git.run("rebase", "--continue");
    expect(await look()).toEqual([state("topic 3", "by an agent"), undefined]);
  });

  it("a daemon that starts in the middle of it tells git's file from a saved one", async () => {
    git.run("rebase", "-qi", "HEAD~3");
    sources = new Sources();
    expect(await look()).toEqual([undefined, MIDWAY]);
    await saveLater("by an agent");
    sources = new Sources();
    expect(await look()).toEqual(["by an agent", undefined]);
  });

  it("an agent that adds whatever it saves, before anybody has looked, is heard", async () => {
    git.run("rebase", "-qi", "HEAD~3");
    let saves = 0;
    await eventually("one of its saves to go", async () => {
      saves += 1;
      await save(`save ${saves}`);
      git.run("add", "STATE.md");
      const [text, code] = await look();
      return code === undefined && text === `save ${saves}`;
    });
  });
});

describe("what a rebase goes through on its way is never taken for somebody's save", () => {
  beforeEach(branches);

  it.each<readonly [string, readonly string[], NodeJS.ProcessEnv]>([
    ["by --merge", ["--merge"], {}],
    ["by --apply", ["--apply"], {}],
    [
      "with an editor that is open for longer than any margin of ours",
      ["-i"],
      { GIT_SEQUENCE_EDITOR: "sed -i 1,2s/^pick/reword/", GIT_EDITOR: "sleep 2.5; true" },
    ],
  ])("%s", async (_, args, env) => {
    await commit({ f4: "so that no commit is where it was" });
    git.run("checkout", "-qb", "elsewhere", "main~1");
    await commit({ g: "elsewhere" });
    git.run("checkout", "-q", "topic");
    const rebasing = new Git(repo.path, directory.path, env).start("rebase", "-q", ...args, "elsewhere");
    let over = false;
    const ended = once(rebasing, "close").then(() => (over = true));
    while (!over) {
      const [text] = await look();
      expect(text).toBe(state("topic 3"));
    }
    await ended;
    expect(rebasing.exitCode).toBe(0);
    expect(await look()).toEqual([state("topic 3"), undefined]);
  });
});

it("a file that git does not track is saved by somebody whenever it is", async () => {
  await commit({ ".gitignore": "STATE.md\n" });
  for (const round of [1, 2]) await commit({ file: `${round}` });
  await save("before");
  expect(await look()).toEqual(["before", undefined]);
  git.run("rebase", "-qi", "HEAD~2");
  expect(await look()).toEqual(["before", undefined]);
  await saveLater("meanwhile");
  expect(await look()).toEqual(["meanwhile", undefined]);
});

it("during a bisect git's file waits at each step; what is saved there goes; the reset releases", async () => {
  await branches();
  git.run("bisect", "start", "HEAD", "HEAD~3");
  expect(await look()).toEqual([state("topic 3"), MIDWAY]);
  const first = git.run("show", "HEAD:STATE.md");
  await saveLater(`${first}\nby an agent\n`);
  expect(await look()).toEqual([`${first}\nby an agent\n`, undefined]);
  git.run("checkout", "-q", "STATE.md");
  git.run("bisect", "good");
  expect(await look()).toEqual([`${first}\nby an agent\n`, MIDWAY]);
  git.run("bisect", "reset");
  expect(await look()).toEqual([state("topic 3"), undefined]);
});
