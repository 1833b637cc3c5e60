import { appendFile, mkdir, open, rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StatusReport } from "../../src/status/report.ts";
import { eventually } from "../support/eventually.ts";
import { Git } from "../support/git.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} }, rescan: "1s" });
  for (const peer of peers) await workspace.save(peer, `# ${peer}\n`);
});
afterEach(() => workspace.dispose());

const peers = ["b", "c"];

/** Ways in which editors, agents and tools save a file. */
const SAVES: Readonly<Record<string, (file: string, text: string) => Promise<void>>> = {
  "written in place": (file, text) => writeFile(file, text),
  "truncated, then written in pieces": async (file, text) => {
    const handle = await open(file, "w");
    for (let at = 0; at < text.length; at += 7) await handle.write(text.slice(at, at + 7));
    await handle.close();
  },
  "replaced by rename": async (file, text) => {
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  },
  "deleted and made anew": async (file, text) => {
    await rm(file, { force: true });
    await writeFile(file, text);
  },
  "moved to a backup and made anew": async (file, text) => {
    await rename(file, `${file}~`).catch(() => undefined);
    await writeFile(file, text);
  },
};

describe("every way of saving reaches the peers, the second and the third time too", () => {
  it.each(Object.entries(SAVES))("%s", async (style, save) => {
    await workspace.save("a", "at first\n");
    await workspace.startDaemon();
    for (let round = 1; round <= 3; round += 1) {
      const text = `# ${style}\n\nround ${round}\n`;
      await save(workspace.stateFile("a"), text);
      await workspace.arrives("a", peers, text);
    }
  });

  it("swapped by git checkout", async () => {
    const git = new Git(workspace.repo("a"), workspace.root);
    git.run("init", "-q", "-b", "main");
    await workspace.save("a", "on main\n");
    git.run("add", ".");
    git.run("commit", "-qm", "main");
    git.run("checkout", "-qb", "other");
    await workspace.save("a", "on other\n");
    git.run("commit", "-qam", "other");
    await workspace.startDaemon();
    for (const branch of ["main", "other", "main", "other"]) {
      git.run("checkout", "-q", branch);
      await workspace.arrives("a", peers, `on ${branch}\n`);
      const [section] = await workspace.sections("b");
      expect(section?.branch).toBe(branch);
    }
  });

  it("missing at the start and created later", async () => {
    await workspace.startDaemon();
    await workspace.save("a", "now there is one\n");
    await workspace.arrives("a", peers, "now there is one\n");
  });

  it("the whole repo moved away and back, and again", async () => {
    await workspace.save("a", "here\n");
    await workspace.startDaemon();
    for (let round = 1; round <= 3; round += 1) {
      await rename(workspace.repo("a"), `${workspace.repo("a")}-away`);
      await eventually("the loss to be noticed", async () =>
        (await workspace.status()).problems.some((problem) => problem.code === "REPO_MISSING"),
      );
      expect(await workspace.received("b", "a")).toBeDefined();
      await rename(`${workspace.repo("a")}-away`, workspace.repo("a"));
      await workspace.save("a", `back ${round}\n`);
      await workspace.arrives("a", peers, `back ${round}\n`);
    }
  });

  it("another directory put in the place of the repo", async () => {
    await workspace.save("a", "the first\n");
    await workspace.startDaemon();
    for (let round = 1; round <= 2; round += 1) {
      const other = `${workspace.repo("a")}-other`;
      await mkdir(other);
      await writeFile(`${other}/STATE.md`, `another ${round}\n`);
      await rename(workspace.repo("a"), `${workspace.repo("a")}-old-${round}`);
      await rename(other, workspace.repo("a"));
      await workspace.arrives("a", peers, `another ${round}\n`);
      await workspace.save("a", `and edited ${round}\n`);
      await workspace.arrives("a", peers, `and edited ${round}\n`);
    }
  });
});

describe("what must not travel", () => {
  it("a deleted state file leaves the last good state with the peers, and says so", async () => {
    await workspace.save("a", "the last words\n");
    await workspace.startDaemon();
    await unlink(workspace.stateFile("a"));
    await eventually("the loss to be told", async () =>
      (await workspace.status()).problems.some((problem) => problem.code === "STATE_FILE_MISSING"),
    );
    expect(await workspace.received("b", "a")).toBe("the last words\n");
    await workspace.save("a", "back again\n");
    await workspace.arrives("a", peers, "back again\n");
    expect((await workspace.status()).problems.filter((problem) => problem.repo === "a")).toEqual([]);
  });

  it("a file emptied by accident is held back until it is filled or somebody asks", async () => {
    await workspace.save("a", "full\n");
    await workspace.startDaemon();
    await workspace.save("a", "");
    const edge = await eventually("the hold to be told", async () =>
      (await workspace.status()).edges.find((edge) => edge.from === "a" && edge.status === "held"),
    );
    expect(edge.error?.code).toBe("STATE_FILE_EMPTY");
    expect(await workspace.received("b", "a")).toBe("full\n");
    expect((await workspace.run(["sync", "a"])).code).toBe(0);
    await workspace.arrives("a", peers, "");
    await workspace.save("a", "full again\n");
    await workspace.arrives("a", peers, "full again\n");
  });

  it("a merge conflict is held back until it is resolved", async () => {
    await workspace.save("a", "before\n");
    await workspace.startDaemon();
    await workspace.save("a", "<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> other\n");
    await eventually("the hold to be told", async () =>
      (await workspace.status()).problems.some((problem) => problem.code === "STATE_FILE_CONFLICT"),
    );
    expect(await workspace.received("b", "a")).toBe("before\n");
    await workspace.save("a", "mine and theirs\n");
    await workspace.arrives("a", peers, "mine and theirs\n");
  });
});

describe("a working tree that git is at work in", () => {
  const git = (...args: readonly string[]): unknown =>
    new Git(workspace.repo("a"), workspace.root).run(...args);
  const heldFor = (code: string): Promise<unknown> =>
    eventually(`the hold to be told as ${code}`, async () =>
      (await workspace.status()).edges.find((edge) => edge.status === "held" && edge.error?.code === code),
    );

  it("what is saved while the index is locked waits for git, and no longer", async () => {
    await workspace.save("a", "before\n");
    git("init", "-q");
    await workspace.startDaemon();
    const lock = join(workspace.repo("a"), ".git", "index.lock");
    await writeFile(lock, "");
    await workspace.save("a", "half of a checkout\n");
    await heldFor("STATE_FILE_GIT_BUSY");
    expect(await workspace.received("b", "a")).toBe("before\n");
    await workspace.save("a", "the whole of it\n");
    await unlink(lock);
    await workspace.arrives("a", peers, "the whole of it\n");
    await workspace.healthy();
  });

  it("what a rebase puts there does not travel; what somebody saves then does, or asks for, and its end", async () => {
    git("init", "-q", "-b", "main");
    for (const text of ["base\n", "first\n", "second\n"]) {
      await workspace.save("a", text);
      git("add", ".");
      git("commit", "-qm", text.trim());
    }
    await workspace.startDaemon();
    expect(await workspace.received("b", "a")).toBe("second\n");
    git("-c", "sequence.editor=sed -i 1s/pick/edit/", "rebase", "-qi", "HEAD~2");
    await heldFor("STATE_FILE_GIT_MIDWAY");
    expect(await workspace.received("b", "a")).toBe("second\n");
    expect((await workspace.run(["sync", "a"])).code).toBe(0);
    await workspace.arrives("a", peers, "first\n");
    await workspace.save("a", "saved meanwhile\n");
    await workspace.arrives("a", peers, "saved meanwhile\n");
    await workspace.healthy();
    git("checkout", "-q", "STATE.md");
    await heldFor("STATE_FILE_GIT_MIDWAY");
    git("rebase", "--continue");
    await workspace.arrives("a", peers, "second\n");
    await workspace.healthy();
  });
});

describe("a stream of saves, one every 50 ms for 5 s", () => {
  it("keeps reaching the peers while it lasts, at least every maxWait, and is coalesced", async () => {
    await workspace.save("a", "start\n");
    await workspace.startDaemon();
    const began = Date.now();
    let saves = 0;
    while (Date.now() - began < 5_000) {
      saves += 1;
      await appendFile(workspace.stateFile("a"), `line ${saves}\n`);
      await delay(50);
    }
    await workspace.healthy();
    const times = (await workspace.log())
      .filter((line) => line["event"] === "section.written" && line["cache"] === "b" && line["repo"] === "a")
      .map((line) => Date.parse(String(line["time"])))
      .filter((time) => time >= began);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    // maxWait is 1 s by default; a machine that is busy with other things adds to it, not a multiple of it.
    expect(Math.max(...gaps)).toBeLessThan(2_000);
    expect(times.length).toBeGreaterThanOrEqual(4);
    expect(times.length).toBeLessThan(saves / 3);
  });
});

describe("a stream of saves that a reading is sure to meet", () => {
  it("reaches the peers by the next reading, and not by the next that the debounce has due", async () => {
    const stream = await Workspace.create({
      repos: { a: {}, b: {} },
      // The first save is read at once, whatever follows it in ten minutes.
      debounce: { wait: "10s", maxWait: "10m" },
    });
    let goesOn = true;
    try {
      for (const repo of ["a", "b"]) await stream.save(repo, "start\n");
      const disk = new UnrulyDisk(stream);
      await stream.startDaemon({ env: disk.env });
      await stream.healthy();
      const slow = stream.repo("a");
      await disk.misbehave({ slow: { under: slow, ms: 300 }, counts: slow });
      const saves = (async () => {
        for (; goesOn; await delay(100)) await appendFile(stream.stateFile("a"), "more\n");
      })();
      const readings = async (): Promise<number> =>
        (await disk.counted()).filter((call) => call === `open ${stream.stateFile("a")}`).length;
      await eventually("a reading to have met a save, and the next one to come", async () => {
        return (await readings()) >= 2;
      });
      await disk.behave();
      await eventually(
        "it to arrive",
        async () => (await stream.received("b", "a"))?.includes("more"),
        10_000,
      );
      goesOn = false;
      await saves;
    } finally {
      goesOn = false;
      await stream.dispose();
    }
  });
});

it("a state file whose name holds what patterns take for a line's end is known to the peers like any other", async () => {
  const named = await Workspace.create({ repos: { a: { stateFile: "x\u2028y\u2029.md" }, b: {} } });
  try {
    await writeFile(join(named.repo("a"), "x\u2028y\u2029.md"), "one\n");
    await named.save("b", "two\n");
    const daemon = await named.startDaemon();
    await named.healthy();
    expect(await named.received("b", "a")).toBe("one\n");
    const fresh = async (): Promise<unknown> => {
      const { edges }: StatusReport = JSON.parse((await named.run(["status", "--json"])).stdout);
      return edges.map(({ status }) => status);
    };
    expect(await fresh()).toEqual(["fresh", "fresh"]);
    await daemon.stop();
    expect(await fresh()).toEqual(["fresh", "fresh"]);
  } finally {
    await named.dispose();
  }
});
