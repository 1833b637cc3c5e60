import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { merge, type MergeRequest } from "../../src/core/cache/merge.ts";
import { parse } from "../../src/core/cache/parse.ts";
import { moment, snapshot } from "./cache-cases.ts";
import { originalWrite } from "./original-utility.ts";

/** Real caches and state files; not part of the repository. */
const CORPUS = resolve(import.meta.dirname, "../../../shared/corpus");
const REGISTERED = ["ai_orchestrator", "karematch", "credentialmate"];
const read = (name: string): Buffer => readFileSync(join(CORPUS, name));

function adopt(
  bytes: Buffer,
  owner: string,
  bodies: ReadonlyMap<string, Buffer>,
): { readonly file: Buffer; readonly foreign: string; readonly request: MergeRequest } {
  const snapshots = new Map(Array.from(bodies, ([repo, body]) => [repo, snapshot(repo, body)]));
  const peers = REGISTERED.filter((repo) => repo !== owner);
  const request = { peers, registered: REGISTERED, snapshots, now: moment(0) };
  const result = merge(bytes, request);
  expect(result.copyFirst).toBe("adopted");
  const file = Buffer.concat(result.chunks);
  const { preamble, parts } = parse(file, { registered: REGISTERED });
  const foreign = [preamble, ...parts.flatMap((part) => (part.kind === "foreign" ? [part.bytes] : []))];
  const held = parts.flatMap((part) =>
    part.kind === "foreign" ? [] : [part.kind === "section" ? part.section.repo : part.kind],
  );
  expect(held).toEqual(peers);
  expect(merge(file, request).changed).toBe(false);
  return { file, foreign: Buffer.concat(foreign).toString("utf8"), request };
}

describe.skipIf(!existsSync(CORPUS))("real caches (skipped where the corpus is absent)", () => {
  it("the hand-made one keeps its header, its instructions and its note, and loses its placeholders", () => {
    const bytes = read("cache-handmade.md");
    const bodies = new Map(
      ["karematch", "credentialmate"].map((repo) => [repo, read("ai-orchestrator-05-1f776e5.md")]),
    );
    const { file, foreign } = adopt(bytes, "ai_orchestrator", bodies);
    const whole = bytes.toString("utf8");
    expect(foreign).toContain(whole.slice(0, whole.indexOf("## KAREMATCH State")).trimEnd());
    expect(foreign).toContain(whole.slice(whole.indexOf("**Note**")).trimEnd());
    expect(foreign).not.toContain("No state cached yet");
    expect(file.length).toBeLessThan(
      [...bodies.values()].reduce((sum, body) => sum + body.length, bytes.length) + 2000,
    );
  });

  it("the one that five rounds piled up shrinks to its sections and the users' own text", () => {
    const bytes = read("cache-legacy-5-syncs.md");
    const handmade = read("cache-handmade.md").toString("utf8");
    const bodies = new Map([
      ["ai_orchestrator", read("ai-orchestrator-41-61a6816.md")],
      ["credentialmate", read("ai-orchestrator-07-af27f9f.md")],
    ]);
    const { file, foreign } = adopt(bytes, "karematch", bodies);
    expect(foreign.trimEnd()).toBe(handmade.slice(0, handmade.indexOf("\n## KAREMATCH State")).trimEnd());
    expect(file.length).toBeLessThan(
      [...bodies.values()].reduce((sum, body) => sum + body.length, foreign.length) + 2000,
    );
  });

  it("the piled-up one is adopted alike where its newest bodies are the current ones", () => {
    const bytes = read("cache-legacy-5-syncs.md").toString("utf8");
    const [, newest = ""] =
      /## CREDENTIALMATE State\n\n\*\*Last Synced\*\*: \S+\n\n([\s\S]*?)\n\n---\n\n\*\*Purpose\*\*/.exec(
        bytes,
      ) ?? [];
    const bodies = new Map([
      ["ai_orchestrator", Buffer.from("# new\n")],
      ["credentialmate", Buffer.from(newest)],
    ]);
    const { file, foreign } = adopt(Buffer.from(bytes), "karematch", bodies);
    expect(foreign).toMatch(/^\s*# Cross-Repo State Cache/);
    expect(file.length).toBeLessThan(newest.length + foreign.length + 2000);
  });

  it("real states, written by both in turns, never pile up", () => {
    let file: Buffer = Buffer.alloc(0);
    for (const name of [
      "ai-orchestrator-09-3bc9dab.md",
      "ai-orchestrator-23-961cb38.md",
      "ai-orchestrator-41-61a6816.md",
    ]) {
      const bodies = new Map(["ai_orchestrator", "credentialmate"].map((repo) => [repo, read(name)]));
      for (const [repo, body] of bodies)
        file = originalWrite(file, repo, body.toString("utf8"), "2026-11-22T16:54:57.245810");
      const snapshots = new Map(Array.from(bodies, ([repo, body]) => [repo, snapshot(repo, body)]));
      const peers = ["ai_orchestrator", "credentialmate"];
      file = Buffer.concat(merge(file, { peers, registered: REGISTERED, snapshots, now: moment(1) }).chunks);
      const { parts } = parse(file, { registered: REGISTERED });
      expect(parts.map((part) => part.kind)).toEqual(["section", "section"]);
    }
  });
});
