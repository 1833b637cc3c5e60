import { mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/registry.ts";
import { cacheFacts } from "../../src/status/cache-facts.ts";
import { type FileIdentity, identityAt } from "../../src/store/identity.ts";
import { cachePath } from "../../src/store/write-scope.ts";
import { Left } from "../../src/sync/left.ts";
import { Sources } from "../../src/sync/sources.ts";
import { mergeWith, REPOS, snapshot } from "../core/cache-cases.ts";
import { repoIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let repo: Repo;
beforeEach(async () => {
  repo = repoIn(directory.path, "repo");
  await mkdir(dirname(cachePath(repo)), { recursive: true });
});

const [PEER] = REPOS;
const registry = () => ({ repos: [repo, ...REPOS.map((name) => repoIn(directory.path, name))] });
const known = mergeWith(undefined, [snapshot(PEER, "what was left\n")]);

/** The cache as somebody has put it there, by an identity that tells. */
async function place(bytes: Buffer): Promise<FileIdentity | undefined> {
  await writeFile(cachePath(repo), bytes);
  await utimes(cachePath(repo), 1, 1);
  return await identityAt(cachePath(repo));
}

/** What is seen of the peer's section by one who takes the file for what was left. */
async function seen(identity: FileIdentity | undefined): Promise<string | undefined> {
  const all = registry();
  const left = Left.after(known, { identity, isFound: true, registry: all, sources: new Sources() });
  expect(left).toBeDefined();
  const { sections, fault } = await cacheFacts(repo, { registry: all, leftIn: () => left });
  expect(fault).toBeUndefined();
  return sections.get(PEER)?.sha256;
}

describe("a cache is told by what the disk holds, and not by what is remembered of it", () => {
  const left = Buffer.concat(known.chunks);
  it("the same bytes", async () => {
    expect(await seen(await place(left))).toBe(snapshot(PEER, "what was left\n").sha256);
  });

  it("other ones, though the file passes for the one that was left", async () => {
    const other = mergeWith(undefined, [snapshot(PEER, "what is there\n")]);
    const identity = await place(Buffer.concat(other.chunks));
    expect(await seen(identity)).toBe(snapshot(PEER, "what is there\n").sha256);
  });

  it.each([
    ["a letter of the text", (text: string) => text.replace("what was left", "what was lost")],
    ["a torn end", (text: string) => text.slice(0, text.indexOf("\n<!-- state-syncd:end") + 20)],
    ["everything gone", () => ""],
  ])("damage that passes for it: %s", async (_, damage) => {
    const identity = await place(Buffer.from(damage(left.toString())));
    expect(await seen(identity)).toBeUndefined();
  });

  it("another file by now", async () => {
    const identity = await place(left);
    await place(Buffer.from("somebody's own\n"));
    expect(await seen(identity)).toBeUndefined();
  });
});
