import { execFileSync } from "node:child_process";
import {
  appendFile,
  chmod,
  link,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import { identityAt } from "../../src/store/identity.ts";
import { readStateFile, type StateRead } from "../../src/store/state-file.ts";
import { eventually } from "../support/eventually.ts";
import { bundleProgram, endPrograms, Program, repoIn, useTempDirectory } from "../support/temp-dir.ts";

const MOST = 1_000_000;
const LIMITS = { maxBytes: MOST, registry: { repos: [] } };
const directory = useTempDirectory();
let repo: Repo;
let file: string;
beforeEach(async () => {
  repo = repoIn(directory.path, "repo");
  file = directory.at("repo", "STATE.md");
  await mkdir(repo.path);
  await writeFile(directory.at("outside.md"), "a secret\n");
});
afterEach(endPrograms);

/** What a read gave, in one word: the text, or the fault's code. */
function outcome(read: StateRead): string {
  return read.ok ? read.bytes.toString() : read.fault.code;
}

/** Ways in which something that is no good state file may stand there. */
const REFUSED: readonly (readonly [what: string, code: string, make: () => unknown])[] = [
  ["a FIFO, without waiting for its writer", "STATE_FILE_NOT_REGULAR", () => execFileSync("mkfifo", [file])],
  ["a link to a device", "STATE_FILE_OUTSIDE", () => symlink("/dev/zero", file)],
  ["a directory", "STATE_FILE_NOT_REGULAR", () => mkdir(file)],
  [
    "a link to a FIFO in the repo",
    "STATE_FILE_NOT_REGULAR",
    async () => {
      execFileSync("mkfifo", [`${file}.fifo`]);
      await symlink("STATE.md.fifo", file);
    },
  ],
  ["a link out of the repo", "STATE_FILE_OUTSIDE", () => symlink("../outside.md", file)],
  [
    "a link to a neighbour whose name begins like the repo's",
    "STATE_FILE_OUTSIDE",
    async () => {
      await mkdir(`${repo.path}-2`);
      await writeFile(`${repo.path}-2/STATE.md`, "theirs");
      await symlink(`${repo.path}-2/STATE.md`, file);
    },
  ],
  ["a link that leads nowhere", "STATE_FILE_MISSING", () => symlink("nowhere.md", file)],
  ["a link to itself", "STATE_FILE_UNREADABLE", () => symlink("STATE.md", file)],
  ["nothing", "STATE_FILE_MISSING", () => undefined],
  ["a byte too many", "STATE_FILE_TOO_LARGE", () => writeFile(file, Buffer.alloc(MOST + 1, "x"))],
  ["bytes that are no UTF-8", "STATE_FILE_NOT_UTF8", () => writeFile(file, Buffer.from([0x61, 0xff, 0xfe]))],
  [
    "a character cut in half at the end",
    "STATE_FILE_NOT_UTF8",
    () => writeFile(file, Buffer.from("é").subarray(0, 1)),
  ],
  ["no repo at all", "REPO_MISSING", () => rm(repo.path, { recursive: true })],
];

describe("what is no state file is refused with its own code", () => {
  it.each(REFUSED)("%s: %s", async (_, code, make) => {
    await make();
    const read = await readStateFile(repo, LIMITS);
    expect(outcome(read)).toBe(code);
    if (!read.ok) expect(read.fault).toMatchObject({ repo: "repo", path: file });
  });

  it.skipIf(process.getuid?.() !== 0)("a device", async () => {
    execFileSync("mknod", [file, "c", "1", "5"]);
    expect(outcome(await readStateFile(repo, LIMITS))).toBe("STATE_FILE_NOT_REGULAR");
  });

  it.skipIf(process.getuid?.() === 0)("a file that may not be read", async () => {
    await writeFile(file, "x");
    await chmod(file, 0);
    expect(outcome(await readStateFile(repo, LIMITS))).toBe("STATE_FILE_UNREADABLE");
  });

  it("a socket", async () => {
    const server = createServer().listen(file);
    try {
      await eventually("the socket", () => stat(file));
      expect(outcome(await readStateFile(repo, LIMITS))).toBe("STATE_FILE_NOT_REGULAR");
    } finally {
      server.close();
    }
  });

  it("a file where a directory on the way to it should be", async () => {
    await writeFile(directory.at("repo", "docs"), "no directory");
    const read = await readStateFile({ ...repo, stateFile: "docs/STATE.md" }, LIMITS);
    expect(outcome(read)).toBe("STATE_FILE_MISSING");
  });

  it("a directory on the way to it that leads out of the repo", async () => {
    await directory.make("elsewhere");
    await writeFile(directory.at("elsewhere", "STATE.md"), "theirs");
    await symlink("../elsewhere", directory.at("repo", "docs"));
    const read = await readStateFile({ ...repo, stateFile: "docs/STATE.md" }, LIMITS);
    expect(outcome(read)).toBe("STATE_FILE_OUTSIDE");
  });
});

describe("what is one is read byte for byte", () => {
  it.each([
    ["an empty file", ""],
    ["CRLF, a byte order mark and no newline at the end", "\u{feff}one\r\ntwo"],
    ["NUL bytes and every script", "a\0b ünïcödé 漢字 👩‍👩‍👧 \u{202e}\n"],
    ["exactly as much as is allowed", "x".repeat(MOST)],
  ])("%s", async (_, text) => {
    await writeFile(file, text);
    await utimes(file, new Date(), new Date("2026-11-22T16:39:59.125Z"));
    const read = await readStateFile(repo, LIMITS);
    expect(outcome(read)).toBe(text);
    if (read.ok) expect(read.changedAt).toBe("2026-11-22T16:39:59.125Z");
    expect(read.identity).toBe(await identityAt(file));
  });

  it.each([
    [
      "through a link that stays in the repo",
      async () => {
        await mkdir(directory.at("repo", "docs"));
        await writeFile(directory.at("repo", "docs", "now.md"), "text");
        await symlink("docs/now.md", file);
      },
    ],
    [
      "through a repo that is itself a link",
      async () => {
        await writeFile(file, "text");
        await rename(repo.path, directory.at("real"));
        await symlink("real", repo.path);
      },
    ],
    [
      "with another name that it also has",
      async () => {
        await writeFile(directory.at("repo", "other"), "text");
        await link(directory.at("repo", "other"), file);
      },
    ],
  ])("%s", async (_, make) => {
    await make();
    expect(outcome(await readStateFile(repo, LIMITS))).toBe("text");
  });

  it("never changes the file, its times included", async () => {
    await writeFile(file, "text");
    const before = await identityAt(file);
    for (let round = 0; round < 5; round += 1) await readStateFile(repo, LIMITS);
    expect(await identityAt(file)).toBe(before);
  });
});

const APPENDER = `
  import { openSync, writeSync } from "node:fs";
  const fd = openSync(process.argv[2] ?? "", "a");
  let isDone = false;
  process.stdin.on("end", () => { isDone = true; }).resume();
  let line = 0;
  const turn = () => {
    // A line's number tells which ones came before it.
    for (const end = line + 20; line < end; line += 1) writeSync(fd, line + " was written\\n");
    if (!isDone) setTimeout(turn, 1);
  };
  turn();
`;

const REWRITER = `
  import { writeFileSync } from "node:fs";
  const [file = ""] = process.argv.slice(2);
  console.log("rewriting");
  for (let round = 0; round < 3_000; round += 1) writeFileSync(file, String(round % 10).repeat(20_000 + (round % 7)));
`;

describe("a file that is being written while it is read", () => {
  it("that grows all the time gives a beginning that really existed, or is said to be unsettled", async () => {
    await writeFile(file, "");
    const script = await bundleProgram(directory.path, "appender", APPENDER);
    const appender = new Program(process.execPath, [script, file]);
    await eventually("the first lines", async () => (await stat(file)).size > 0);
    const reads: StateRead[] = [];
    while (reads.length < 200) reads.push(await readStateFile(repo, LIMITS));
    appender.finish();
    await appender.end();
    const whole = await readFile(file);
    for (const read of reads) {
      if (read.ok) expect(whole.subarray(0, read.bytes.length).equals(read.bytes)).toBe(true);
      else expect(read.fault.code).toBe("STATE_FILE_UNSETTLED");
    }
    expect(outcome(await readStateFile(repo, LIMITS)).length).toBe(whole.length);
  });

  it("that is truncated and written anew is never a mixture of the old and the new", async () => {
    await writeFile(file, "");
    const script = await bundleProgram(directory.path, "rewriter", REWRITER);
    const rewriter = new Program(process.execPath, [script, file]);
    let ended = false;
    void rewriter.end().then(() => (ended = true));
    while (!ended) {
      const read = await readStateFile(repo, LIMITS);
      if (read.ok) expect(new Set(read.bytes).size).toBeLessThanOrEqual(1);
      else expect(read.fault.code).toBe("STATE_FILE_UNSETTLED");
    }
  });

  it("is told apart by its identity from what it was, though its mtime was set back", async () => {
    await writeFile(file, "one");
    const before = await stat(file);
    const first = await readStateFile(repo, LIMITS);
    await eventually("a tick of the file system's clock", async () => {
      await appendFile(file, "");
      await writeFile(file, "two");
      await utimes(file, before.atime, before.mtime);
      return (await identityAt(file)) !== first.identity;
    });
    expect((await readStateFile(repo, LIMITS)).identity).not.toBe(first.identity);
  });
});
