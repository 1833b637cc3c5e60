import fc from "fast-check";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cachesOf, type Repo } from "../../src/core/registry.ts";
import { cachePath, writable, type WriteScope } from "../../src/store/write-scope.ts";
import { repoIn } from "../support/temp-dir.ts";

const paths = {
  stateDirectory: "/home/me/.local/state/state-syncd",
  runDirectory: "/run/user/1/state-syncd",
};
const repos: readonly Repo[] = [
  repoIn("/repos", "execution"),
  repoIn("/repos", "listener", { publish: false }),
  repoIn("/repos", "speaker", { subscribe: false }),
  repoIn("/repos", "docs", { role: "passive" }),
];
const scope: WriteScope = { registry: { repos }, paths };

function allows(path: string): boolean {
  try {
    return writable(path, scope) === path;
  } catch {
    return false;
  }
}

describe("nothing is written but registered caches and our own directories", () => {
  it.each([
    ["/repos/execution/.aibrain/global-state-cache.md", true],
    ["/repos/listener/.aibrain/global-state-cache.md", true],
    [`${paths.stateDirectory}/lock`, true],
    [`${paths.stateDirectory}/copies/a/b.md`, true],
    [`${paths.runDirectory}/control.sock`, true],
    ["/repos/speaker/.aibrain/global-state-cache.md", false],
    ["/repos/docs/.aibrain/global-state-cache.md", false],
    ["/repos/stranger/.aibrain/global-state-cache.md", false],
    ["/repos/execution/STATE.md", false],
    ["/repos/execution/.aibrain/other.md", false],
    ["/repos/execution/.aibrain/global-state-cache.md/x", false],
    ["/repos/execution/.aibrain//global-state-cache.md", false],
    ["/repos/docs/../execution/.aibrain/global-state-cache.md", false],
    ["repos/execution/.aibrain/global-state-cache.md", false],
    [paths.stateDirectory, false],
    [`${paths.stateDirectory}/`, false],
    [`${paths.stateDirectory}-2/lock`, false],
    [`${paths.stateDirectory}/../../../../repos/docs/STATE.md`, false],
    [`${paths.stateDirectory}/copies/..`, false],
    [`${paths.stateDirectory}/./lock`, false],
    [`${paths.stateDirectory}/copies/../lock`, false],
    ["/", false],
    ["", false],
  ])("%j: %s", (path, expected) => {
    expect(allows(path)).toBe(expected);
  });

  it("whatever path is made up", () => {
    const roots = [
      "",
      "/",
      ...repos.map((repo) => repo.path),
      paths.stateDirectory,
      paths.runDirectory,
      "/repos/x",
    ];
    const segment = fc.constantFrom(
      "..",
      ".",
      "",
      "a",
      ".aibrain",
      "global-state-cache.md",
      "STATE.md",
      "execution",
      "docs",
      "..a",
      "lock",
    );
    const made = fc
      .tuple(fc.constantFrom(...roots), fc.array(segment, { maxLength: 6 }))
      .map(([root, segments]) => [root, ...segments].join("/"));
    fc.assert(
      fc.property(made, (path) => {
        if (!allows(path)) return;
        // `join` resolves every `..`: where the path really leads.
        const real = join(path);
        const own = [paths.stateDirectory, paths.runDirectory].some((root) => real.startsWith(`${root}/`));
        expect(own || cachesOf(scope.registry).some((repo) => cachePath(repo) === real), path).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it("a link's end goes through only with an allowed path in front of it", () => {
    const [execution, , speaker] = repos.map((repo) => cachePath(repo));
    expect(writable(execution ?? "", scope, "/repos/execution/docs/peers.md")).toBe(
      "/repos/execution/docs/peers.md",
    );
    expect(() => writable(speaker ?? "", scope, "/repos/execution/docs/peers.md")).toThrow(speaker ?? "");
  });
});
