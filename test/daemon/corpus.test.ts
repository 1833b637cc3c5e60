import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

/** Real state files, where the checkout has them beside it. */
const CORPUS = resolve("../shared/corpus");
const there = existsSync(CORPUS);
const revisions = there
  ? readdirSync(CORPUS)
      .filter((name) => name.startsWith("ai-orchestrator-"))
      .sort()
  : [];

let workspace: Workspace;
afterEach(() => workspace.dispose());

describe.skipIf(!there)("real state files (skipped where ../shared/corpus is absent)", () => {
  it("five weeks of one repo's file: after each save the peers hold exactly that, once", async () => {
    const peers = ["karematch", "credentialmate", "research"];
    workspace = await Workspace.create({
      repos: { ai_orchestrator: {}, karematch: {}, credentialmate: {}, research: {} },
    });
    for (const peer of peers) await workspace.save(peer, `# ${peer}\n`);
    await workspace.save("ai_orchestrator", "first\n");
    await workspace.startDaemon();
    const overhead = (await workspace.cacheBytes("karematch")).length - "first\n".length;
    for (const revision of revisions) {
      const body = readFileSync(join(CORPUS, revision));
      await workspace.save("ai_orchestrator", body);
      for (const peer of peers) {
        await eventually(`${peer} to hold ${revision}`, async () => {
          const found = (await workspace.sections(peer)).filter(
            (section) => section.repo === "ai_orchestrator",
          );
          return found.length === 1 && found[0]?.body.equals(body);
        });
        // The cache's size follows the file's, down as well as up.
        const size = (await workspace.cacheBytes(peer)).length;
        expect(Math.abs(size - overhead - body.length), `${peer} at ${revision}`).toBeLessThan(100);
      }
    }
    await workspace.healthy();
  });

  it.each(["cache-handmade.md", "cache-legacy-5-syncs.md"])(
    "%s is adopted: one section a repo, the users' text and a copy kept",
    async (name) => {
      const owner = name === "cache-handmade.md" ? "ai_orchestrator" : "research";
      workspace = await Workspace.create({
        repos: { ai_orchestrator: {}, karematch: {}, credentialmate: {}, research: {} },
      });
      for (const repo of ["karematch", "credentialmate", "research"])
        await workspace.save(repo, `# ${repo}\n`);
      const newest = readFileSync(join(CORPUS, revisions.at(-1) ?? ""));
      await workspace.save("ai_orchestrator", newest);
      const old = readFileSync(join(CORPUS, name));
      await mkdir(dirname(workspace.cacheFile(owner)), { recursive: true });
      await writeFile(workspace.cacheFile(owner), old);
      await workspace.startDaemon();
      await workspace.healthy();
      const text = await workspace.cache(owner);
      const peers = ["ai_orchestrator", "karematch", "credentialmate", "research"].filter(
        (repo) => repo !== owner,
      );
      expect((await workspace.sections(owner)).map((section) => section.repo)).toEqual(peers);
      for (const peer of peers)
        expect(text.match(new RegExp(`^## ${peer.toUpperCase()} State$`, "gm"))).toHaveLength(1);
      for (const words of [
        "# Cross-Repo State Cache (AI_Orchestrator)",
        "## Instructions",
        ".venv/bin/python utils/state_sync.py pull ai_orchestrator",
      ]) {
        expect(text).toContain(words);
      }
      if (name === "cache-handmade.md")
        expect(text).toContain("**Note**: This file enables agents working in AI_Orchestrator");
      expect(text).not.toContain("No state cached yet");
      expect(text.length).toBeLessThan(newest.length + 4_000);
      const copy = (await workspace.status()).copies.find((entry) => entry.reason === "adopted");
      expect(await readFile(copy?.path ?? "")).toEqual(old);
    },
  );
});
