import { mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import { Sources } from "../../src/sync/sources.ts";
import { repoIn, useTempDirectory } from "../support/temp-dir.ts";

const CONFLICT = "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n";
const NO_RULES = { patterns: {}, allow: [] };
const directory = useTempDirectory();
let repo: Repo;
let file: string;
let sources: Sources;
beforeEach(async () => {
  repo = repoIn(directory.path, "repo");
  file = directory.at("repo", "STATE.md");
  sources = new Sources();
  await mkdir(repo.path);
});

function observe(asked = false, maxBytes = 1_000_000): Promise<string> {
  return sources.observe(repo, {
    maxBytes,
    registry: { repos: [repo] },
    guard: NO_RULES,
    found: "event",
    asked,
    now: new Date(),
  });
}

/** The last good text, and the code of what holds back what came after it. */
function known(): [text: string | undefined, code: string | undefined] {
  const source = sources.get("repo");
  return [source?.snapshot?.body.toString(), source?.fault?.code];
}

describe("the newest good state is kept, whatever becomes of the file", () => {
  const troubles: readonly (readonly [string, string, () => Promise<void>])[] = [
    ["empty", "STATE_FILE_EMPTY", () => writeFile(file, "")],
    ["nothing but blanks", "STATE_FILE_EMPTY", () => writeFile(file, " \n\n")],
    ["in conflict", "STATE_FILE_CONFLICT", () => writeFile(file, CONFLICT)],
    ["not UTF-8", "STATE_FILE_NOT_UTF8", () => writeFile(file, Buffer.from([0xff]))],
    ["too large", "STATE_FILE_TOO_LARGE", () => writeFile(file, "x".repeat(1_000_001))],
    ["deleted", "STATE_FILE_MISSING", () => rm(file)],
    [
      "a link out of the repo",
      "STATE_FILE_OUTSIDE",
      async () => {
        await rm(file);
        await symlink("/etc/hostname", file);
      },
    ],
    ["gone with its repo", "REPO_MISSING", () => rename(repo.path, `${repo.path}.away`)],
  ];

  it.each(troubles)("%s: %s, and good again later", async (_, code, trouble) => {
    await writeFile(file, "good");
    expect(await observe()).toBe("changed");
    await trouble();
    expect(await observe()).toBe("held");
    expect(known()).toEqual(["good", code]);
    expect(await observe()).toBe("held");
    await rm(file, { force: true });
    await mkdir(repo.path, { recursive: true });
    await writeFile(file, "good");
    expect(await observe()).toBe("same");
    expect(known()).toEqual(["good", undefined]);
    await writeFile(file, "better");
    expect(await observe()).toBe("changed");
    expect(known()).toEqual(["better", undefined]);
  });

  it("is not there where there never was a good one", async () => {
    expect(await observe()).toBe("held");
    expect(known()).toEqual([undefined, "STATE_FILE_MISSING"]);
  });
});

describe("what somebody asked for", () => {
  it("an empty file is meant to be empty, and stays so for who does not ask", async () => {
    await writeFile(file, "good");
    await observe();
    await writeFile(file, "");
    expect(await observe(true)).toBe("changed");
    expect(known()).toEqual(["", undefined]);
    expect(await observe()).toBe("same");
    expect(known()).toEqual(["", undefined]);
  });

  it("a file that is being saved just then is not meant to be empty: who saves truncates first", async () => {
    await writeFile(file, "good");
    await observe();
    await writeFile(`${file}.new`, "better");
    await writeFile(file, "");
    const asked = observe(true);
    await delay(20);
    await rename(`${file}.new`, file);
    expect(await asked).toBe("changed");
    expect(known()).toEqual(["better", undefined]);
  });

  it("a file that is emptied again and again is held, and nobody waits for the end of that", async () => {
    await writeFile(file, "");
    let over = false;
    const emptying = (async () => {
      while (!over) await writeFile(file, "");
    })();
    expect(await observe(true)).toBe("held");
    over = true;
    await emptying;
    const [text, code] = known();
    expect(text).toBe(undefined);
    expect(["STATE_FILE_EMPTY", "STATE_FILE_UNSETTLED"]).toContain(code);
  });

  it.each([["conflict", CONFLICT, "STATE_FILE_CONFLICT"]])(
    "a %s is held all the same",
    async (_, text, code) => {
      await writeFile(file, text);
      expect(await observe(true)).toBe("held");
      expect(known()).toEqual([undefined, code]);
    },
  );
});

describe("what counts as a change", () => {
  it("content, and not a touch or a new inode", async () => {
    await writeFile(file, "text");
    expect(await observe()).toBe("changed");
    const first = sources.get("repo");
    await utimes(file, new Date(), new Date(Date.now() + 5_000));
    expect(await observe()).toBe("same");
    await writeFile(`${file}.new`, "text");
    await rename(`${file}.new`, file);
    expect(await observe()).toBe("same");
    expect(sources.get("repo")?.snapshot).toBe(first?.snapshot);
    expect(sources.get("repo")?.identity).not.toBe(first?.identity);
  });

  it("a line break in a path cannot put a line into a cache's metadata", async () => {
    repo = repoIn(directory.path, "re\npo", { name: "repo" });
    await mkdir(repo.path);
    await writeFile(directory.at("re\npo", "STATE.md"), "text");
    await observe();
    expect(sources.get("repo")?.snapshot?.origin).not.toContain("\n");
  });
});

describe("reads of one repo that overlap", () => {
  it("never leave an older state in the place of a newer one", async () => {
    const large = "x".repeat(3_000_000);
    for (let round = 1; round <= 5; round += 1) {
      // A read of the large one takes longer than the whole look at the small one that replaces it.
      await writeFile(file, `${round} ${large}`);
      const first = observe(false, 64_000_000);
      await delay(round);
      await writeFile(`${file}.new`, `small ${round}`);
      await rename(`${file}.new`, file);
      await Promise.all([first, observe(false, 64_000_000)]);
      expect(known()).toEqual([`small ${round}`, undefined]);
    }
  });

  it("are told one change between them", async () => {
    await writeFile(file, "text");
    const told = await Promise.all(Array.from({ length: 50 }, () => observe()));
    expect(told.filter((each) => each === "changed")).toHaveLength(1);
  });
});
