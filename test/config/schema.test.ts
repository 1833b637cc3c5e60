import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { nearest } from "../../src/config/nearest.ts";
import { NAME_PATTERN, jsonSchema, nameFrom } from "../../src/config/schema.ts";

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
      /"(version|repos|debounce|rescan|maxBytes|path|role|stateFile|groups|publish|subscribe|onSecret|guard|patterns|allow|wait|maxWait)":\{/g,
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
