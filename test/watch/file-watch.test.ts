import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  appendFile,
  mkdir,
  open,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { within } from "../../src/concurrently.ts";
import { silent } from "../../src/sync/report.ts";
import { FileWatch } from "../../src/watch/file-watch.ts";
import { eventually } from "../support/eventually.ts";
import { useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let watch: FileWatch;
let repo: string;
let file: string;
let calls: number;
beforeEach(async () => {
  repo = directory.at("repo");
  file = directory.at("repo", "STATE.md");
  calls = 0;
  watch = new FileWatch(silent);
});
afterEach(() => watch.close());

/** Watches the file, and waits until the watch is in force. */
async function arm(path = file): Promise<void> {
  await watch.add(path, () => (calls += 1));
  calls = 0;
}

/** Waits until the events of one change are over, so that the next change is told by events of its own. */
async function quiet(): Promise<void> {
  let before = -1;
  while (before !== calls) {
    before = calls;
    await delay(60);
  }
  calls = 0;
}

/** Does something to the file, and waits for the listener to be called for it. */
async function heard(what: string, change: () => unknown): Promise<void> {
  await change();
  await eventually(`the listener to be called: ${what}`, () => calls > 0, 10_000);
  await quiet();
}

function git(...args: readonly string[]): void {
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: repo, stdio: "pipe" });
}

describe("each way of saving is heard, the second and the third time too", () => {
  beforeEach(async () => {
    await mkdir(repo);
    await writeFile(file, "at first\n");
  });

  const saves: Readonly<Record<string, (round: number) => Promise<void>>> = {
    "written in place": (round) => writeFile(file, `round ${round}`),
    appended: (round) => appendFile(file, `round ${round}`),
    "truncated, and written later": async (round) => {
      const handle = await open(file, "w");
      await delay(20);
      await handle.write(`round ${round}`);
      await handle.close();
    },
    "replaced by rename": async (round) => {
      await writeFile(`${file}.tmp`, `round ${round}`);
      await rename(`${file}.tmp`, file);
    },
    "deleted and made anew": async (round) => {
      await unlink(file);
      await writeFile(file, `round ${round}`);
    },
    "moved to a backup and made anew": async (round) => {
      await rename(file, `${file}~`);
      await writeFile(file, `round ${round}`);
    },
    touched: (round) => utimes(file, new Date(), new Date(Date.now() + round * 10_000)),
  };

  it.each(Object.entries(saves))("%s", async (name, save) => {
    await arm();
    for (let round = 1; round <= 3; round += 1) await heard(`${name}, round ${round}`, () => save(round));
    expect(watch.mode(file)).toBe("events");
  });

  it("swapped by git checkout", async () => {
    git("init", "-q", "-b", "main");
    git("add", ".");
    git("commit", "-qm", "main");
    git("checkout", "-qb", "other");
    await writeFile(file, "on other\n");
    git("commit", "-qam", "other");
    await arm();
    for (const branch of ["main", "other", "main"]) await heard(branch, () => git("checkout", "-q", branch));
  });

  it("the repo moved away and back", async () => {
    await arm();
    for (let round = 1; round <= 3; round += 1) {
      await rename(repo, directory.at("away"));
      await delay(50);
      await rename(directory.at("away"), repo);
      await quiet();
      await heard(`a save after move ${round}`, () => writeFile(file, `round ${round}`));
    }
  });

  it("by its own listener alone: what happens to its neighbours calls nobody", async () => {
    let others = 0;
    const neighbour = directory.at("repo", "OTHER.md");
    await watch.add(directory.at("repo", "MISSING.md"), () => (others += 1));
    await watch.add(neighbour, () => (others += 1));
    await arm();
    for (let index = 0; index < 20; index += 1) await writeFile(directory.at("repo", `file-${index}`), "x");
    await mkdir(directory.at("repo", "sub"));
    await rm(directory.at("repo", "file-0"));
    // The watcher tells in order: once this one is told, so would have been all before it.
    await writeFile(neighbour, "x");
    await eventually("the neighbour", () => others > 0, 10_000);
    await quiet();
    expect(others).toBeGreaterThan(0);
    others = 0;
    for (let index = 0; index < 20; index += 1) await writeFile(directory.at("repo", `file-${index}`), "y");
    await heard("the file itself", () => writeFile(file, "new"));
    expect(others).toBe(0);
  });

  it("no more once it was removed", async () => {
    await arm();
    await heard("before", () => writeFile(file, "1"));
    watch.remove(file);
    expect(watch.mode(file)).toBeUndefined();
    let others = 0;
    await watch.add(directory.at("repo", "OTHER.md"), () => (others += 1));
    await writeFile(file, "2");
    await writeFile(directory.at("repo", "OTHER.md"), "x");
    await eventually("the other one", () => others > 0, 10_000);
    expect(calls).toBe(0);
  });
});

describe("what is not there yet", () => {
  it("a file that is made later is heard, and its saves after that", async () => {
    await mkdir(repo);
    await arm();
    for (let round = 1; round <= 3; round += 1) {
      await heard(`made, round ${round}`, () => writeFile(file, `made ${round}`));
      await heard(`saved, round ${round}`, () => writeFile(file, `saved ${round}`));
      await heard(`deleted, round ${round}`, () => unlink(file));
    }
  });

  it("a file whose directories are made later is heard", async () => {
    const deep = directory.at("repo", "docs", "now", "STATE.md");
    await arm(deep);
    await heard("made with its directories", async () => {
      await mkdir(dirname(deep), { recursive: true });
      await delay(50);
      await writeFile(deep, "made");
    });
    for (let round = 1; round <= 3; round += 1)
      await heard(`round ${round}`, () => writeFile(deep, `${round}`));
  });
});

describe.runIf(process.platform === "linux")("what it costs", () => {
  /** The watches that the system keeps for us. */
  function systemWatches(): number {
    const fds = readdirSync("/proc/self/fd").map((fd) => `/proc/self/fdinfo/${fd}`);
    const texts = fds.map((info) => (existsSync(info) ? readFileSync(info, "utf8") : ""));
    return texts.join("").match(/^inotify wd:/gm)?.length ?? 0;
  }

  /** A repo with more below it than anybody wants to have watched. */
  async function large(at: string): Promise<void> {
    for (let index = 0; index < 100; index += 1)
      await mkdir(join(at, "node_modules", `package-${index}`, "lib"), { recursive: true });
    await writeFile(join(at, "STATE.md"), "there");
  }

  it.each(["STATE.md", "docs/STATE.md"])(
    "%s: one watch, also where its directory comes only later, goes, and comes again",
    async (name) => {
      const before = systemWatches();
      await large(directory.at("away"));
      const path = join(repo, name);
      await arm(path);
      for (let round = 1; round <= 3; round += 1) {
        // Of one that comes back the watch is still in force, and nothing tells.
        if (round === 1) await heard("the repo comes", () => rename(directory.at("away"), repo));
        else await rename(directory.at("away"), repo);
        await mkdir(dirname(path), { recursive: true });
        await quiet();
        for (const text of ["one", "two"]) await heard(text, () => writeFile(path, text));
        expect(systemWatches() - before).toBe(1);
        await rename(repo, directory.at("away"));
        await quiet();
      }
    },
  );

  it("one watch, also where a directory on the way is a link to a large one", async () => {
    await mkdir(repo);
    await large(directory.at("large"));
    const before = systemWatches();
    const path = directory.at("repo", "docs", "NEW.md");
    await arm(path);
    await symlink("../large", directory.at("repo", "docs"));
    await quiet();
    for (const text of ["one", "two"]) await heard(text, () => writeFile(path, text));
    expect(systemWatches() - before).toBe(1);
  });
});

describe("another directory in the place of the watched one", () => {
  async function exchange(round: number): Promise<void> {
    await mkdir(directory.at("new"));
    await writeFile(directory.at("new", "STATE.md"), "new");
    await rename(repo, directory.at(`old-${round}`));
    await rename(directory.at("new"), repo);
  }

  beforeEach(async () => {
    await mkdir(repo);
    await writeFile(file, "old");
  });

  it("is heard after rearm, each time", async () => {
    await arm();
    for (let round = 1; round <= 3; round += 1) {
      await exchange(round);
      await watch.rearm(repo);
      await quiet();
      await heard(`a save, round ${round}`, () => writeFile(file, `round ${round}`));
    }
  });

  it("is heard where another file that is not there yet is awaited in the same directory", async () => {
    let others = 0;
    const missing = directory.at("repo", ".aibrain", "cache.md");
    await watch.add(missing, () => (others += 1));
    await arm();
    for (let round = 1; round <= 3; round += 1) {
      await exchange(round);
      await watch.rearm(repo);
      await quiet();
      await heard(`a save, round ${round}`, () => writeFile(file, `round ${round}`));
      others = 0;
      await mkdir(dirname(missing));
      await writeFile(missing, "made");
      await eventually("the other one", () => others > 0, 10_000);
    }
  });

  it("rearm where nothing is watched does nothing", async () => {
    await watch.rearm("/nowhere");
    expect(watch.mode("/nowhere")).toBeUndefined();
  });
});

describe("the watch is in force when add and rearm say so", () => {
  it("a save at that very moment is heard", async () => {
    await mkdir(repo);
    for (let round = 1; round <= 30; round += 1) {
      const path = directory.at("repo", `STATE-${round}.md`);
      await writeFile(path, "old");
      let heardOf = 0;
      await watch.add(path, () => (heardOf += 1));
      await writeFile(path, "new");
      await eventually(`a save after add, round ${round}`, () => heardOf > 0, 10_000);
      await watch.rearm(repo);
      heardOf = 0;
      await writeFile(path, "newer");
      await eventually(`a save after rearm, round ${round}`, () => heardOf > 0, 10_000);
    }
  });

  it("for a file that is not there, in a directory where things happen all the time", async () => {
    await mkdir(repo);
    for (let file = 0; file < 4_000; file += 1) await writeFile(directory.at("repo", `old-${file}`), "");
    const busy = spawn("sh", ["-c", "while :; do : >new; rm new; done"], { cwd: repo, stdio: "ignore" });
    try {
      const quietUntil = (await stat(repo)).mtimeMs + 200;
      await eventually("things to happen", async () => (await stat(repo)).mtimeMs > quietUntil);
      const armed = ["A.md", "B.md", "C.md", "docs/D.md"].map(async (name) => {
        await watch.add(directory.at("repo", name), () => undefined);
      });
      expect(await within(8_000, Promise.all(armed))).toBeDefined();
    } finally {
      busy.kill();
    }
  });

  it("a path that is added anew tells its last listener alone", async () => {
    await mkdir(repo);
    let before = 0;
    void watch.add(file, () => (before += 1));
    await arm();
    await heard("a save", () => writeFile(file, "new"));
    expect(before).toBe(0);
    expect(watch.mode(file)).toBe("events");
  });
});
