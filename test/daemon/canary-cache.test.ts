import { rmSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { Canary } from "../../src/daemon/canary.ts";
import { cachePath } from "../../src/store/write-scope.ts";
import { Reconciler } from "../../src/sync/reconciler.ts";
import type { Report } from "../../src/sync/report.ts";
import { pathsIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();

/** A canary that has beaten once, where something befalls its cache as soon as that is written. */
async function beatOnce(befall: (cache: string) => void): Promise<Canary> {
  const paths = pathsIn(directory.path);
  const canary = new Canary({
    stateDirectory: paths.stateDirectory,
    rescanMs: () => 60_000,
    rearm: async () => undefined,
  });
  const [source, peer] = canary.repos;
  const report: Report = (event, fields) => {
    if (event === "section.written") befall(cachePath(peer));
    canary.hear(event, fields);
  };
  const config = {
    registry: { repos: [] },
    debounceMs: { wait: 20, maxWait: 200 },
    rescanMs: 60_000,
    maxBytes: 1_048_576,
    guard: { patterns: {}, allow: [] },
    file: directory.at("config.yaml"),
    sha256: "0".repeat(64),
  };
  const own = canary.repos;
  const reconciler = new Reconciler({ config, paths, report, resident: true, own, now: () => new Date() });
  const scope = { registry: reconciler.registry, paths };
  await canary.prepare(scope);
  let over = false;
  const watching = (async () => {
    while (!over) {
      await reconciler.observe(source.name, "event");
      await delay(5);
    }
  })();
  try {
    await canary.start(reconciler, scope);
  } finally {
    over = true;
    await watching;
    canary.close();
    await reconciler.close();
  }
  return canary;
}

it("a save that is in the canary's cache is a proof", async () => {
  const { proof } = await beatOnce(() => undefined);
  expect(proof.fault).toBeUndefined();
  expect(proof.provenAt).not.toBeNull();
});

it.each<readonly [string, (cache: string) => void]>([
  ["gone", (cache) => rmSync(cache)],
  ["gone with its repo", (cache) => rmSync(dirname(dirname(cache)), { recursive: true })],
  ["cut short", (cache) => truncateSync(cache, 300)],
])("a cache that is %s when it is looked at is no proof, and not the daemon's end", async (_, befall) => {
  const { proof } = await beatOnce(befall);
  expect(proof.provenAt).toBeNull();
  expect(proof.fault?.code).toBe("DAEMON_UNPROVEN");
});
