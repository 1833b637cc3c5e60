import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { nearest } from "../../src/config/nearest.ts";
import { jsonSchema } from "../../src/config/schema.ts";
import { NAME_PATTERN, nameFrom, nameOfBranch, untaken } from "../../src/core/name.ts";

const inRepo = (path: string): URL => new URL(`../../${path}`, import.meta.url);

describe("the files in config/", () => {
  it("the committed JSON Schema is what the definition that validates gives", async () => {
    const committed: unknown = JSON.parse(await readFile(inRepo("config/config.schema.json"), "utf8"));
    expect(committed).toEqual(jsonSchema());
  });

  it("the example loads and says what the defaults are", async () => {
    const config = await loadConfig(inRepo("config/config.example.yaml").pathname, { HOME: "/home/me" });
    expect(config).toMatchObject({
      debounceMs: { wait: 100, maxWait: 1000 },
      rescanMs: 60_000,
      maxBytes: 1_048_576,
    });
    expect(config.registry.repos.map(({ name, role, path }) => [name, role, path])).toEqual([
      ["ai_orchestrator", "execution", "/home/me/repos/AI_Orchestrator"],
      ["karematch", "execution", "/home/me/repos/karematch"],
      ["credentialmate", "execution", "/home/me/repos/credentialmate"],
      ["mission_control", "passive", "/home/me/repos/MissionControl"],
    ]);
  });

  it("the example shows every key that there is", async () => {
    const text = await readFile(inRepo("config/config.example.yaml"), "utf8");
    const keys = JSON.stringify(jsonSchema()).matchAll(
      /"(version|repos|debounce|rescan|maxBytes|path|role|stateFile|groups|publish|subscribe|onSecret|fence|guard|patterns|allow|wait|maxWait)":\{/g,
    );
    for (const [, key] of keys) expect(text).toMatch(new RegExp(`\\b${key ?? ""}:`));
  });
});

describe("nameFrom", () => {
  it.each([
    ["KareMatch", "karematch"],
    ["1_REPOS", "1_repos"],
    ["My Repo (old)", "my-repo-old"],
    ["Übung", "ubung"],
    ["_private", "private"],
    ["日本", "repo"],
    ["state-syncd.github.io", "state-syncd-github.io"],
    ["KareMatch@Feature/X", "karematch@feature-x"],
    ["@scope/package", "scope-package"],
    ["a@b@c", "a@b-c"],
    ["a@", "a"],
    [`${"a".repeat(70)}@${"b".repeat(70)}`, `${"a".repeat(47)}@${"b".repeat(16)}`],
    [`${"a".repeat(70)}@b`, `${"a".repeat(62)}@b`],
    [`a@${"b".repeat(70)}`, `a@${"b".repeat(62)}`],
  ])("makes %j into %j", (text, name) => {
    expect(nameFrom(text)).toBe(name);
  });

  it("gives a valid name for any text, and leaves a name that it gave", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
        const name = nameFrom(text);
        expect(name).toMatch(NAME_PATTERN);
        expect(nameFrom(name)).toBe(name);
        expect(name.startsWith("state-syncd.")).toBe(false);
      }),
    );
  });
});

describe("the name of a worktree", () => {
  it.each([
    ["karematch", "feature/x", "karematch@feature-x"],
    ["karematch@one", "two", "karematch@two"],
    ["karematch", "日本", undefined],
    ["a".repeat(64), "feature/a-long-one-of-them", `${"a".repeat(47)}@feature-a-long-o`],
  ])("of %s on %j is %s", (repo, branch, name) => {
    expect(nameOfBranch(repo, branch)).toBe(name);
    if (name !== undefined) expect(name).toMatch(NAME_PATTERN);
  });

  it("is numbered where it is taken, and stays within the longest", () => {
    expect(untaken("a@b", new Set(["a@b", "a@b-2"]))).toBe("a@b-3");
    const long = `a@${"b".repeat(62)}`;
    expect(untaken(long, new Set([long]))).toBe(`a@${"b".repeat(60)}-2`);
  });

  it.each(["a@", "@a", "a@b@c", "a@.b", `a@${"b".repeat(63)}`, "A@b", "a@B", "a@b\n"])(
    "is not %j",
    (name) => {
      expect(name).not.toMatch(NAME_PATTERN);
    },
  );
});

describe("nearest", () => {
  const known = ["path", "role", "stateFile", "groups", "publish", "subscribe"];
  it.each([
    ["roel", "role"],
    ["state_file", "stateFile"],
    ["statefile", "stateFile"],
    ["group", "groups"],
    ["Publsh", "publish"],
    ["onSecret", undefined],
    ["x", undefined],
    ["", undefined],
  ])("takes %j for %j", (word, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });
});
