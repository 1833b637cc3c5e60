import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cachesOf,
  diffRegistries,
  findRepo,
  isAllowed,
  peersOf,
  type Registry,
  type Repo,
  sourcesOf,
  targetsOf,
} from "../../src/core/registry.ts";

function repo(name: string, options: Partial<Repo> = {}): Repo {
  return {
    name,
    path: `/repos/${name}`,
    writtenPath: `~/${name}`,
    role: "execution",
    stateFile: "STATE.md",
    groups: ["default"],
    publish: true,
    onSecret: "redact",
    fence: false,
    subscribe: true,
    ...options,
  };
}

const registry = (...repos: Repo[]): Registry => ({ repos });
const written = (of: Registry): string[] =>
  of.repos.flatMap((from) => targetsOf(of, from).map((to) => `${from.name}>${to.name}`));
const namesOf = (repos: readonly Repo[]): string[] => repos.map(({ name }) => name);

describe("edges", () => {
  it.each<[hazard: string, repos: Repo[], edges: string[]]>([
    ["no repo at all", [], []],
    ["one repo has no peer, not even itself", [repo("a")], []],
    ["two repos tell each other", [repo("a"), repo("b")], ["a>b", "b>a"]],
    [
      "three repos, ordered by source and then by target",
      [repo("c"), repo("a"), repo("b")],
      ["c>a", "c>b", "a>c", "a>b", "b>c", "b>a"],
    ],
    ["a passive repo neither gives nor gets", [repo("a"), repo("b", { role: "passive" })], []],
    ["publish: false reads without being seen", [repo("a", { publish: false }), repo("b")], ["b>a"]],
    ["subscribe: false is seen without reading", [repo("a", { subscribe: false }), repo("b")], ["a>b"]],
    ["neither of both is silent", [repo("a", { publish: false, subscribe: false }), repo("b")], []],
    ["groups with nothing in common", [repo("a", { groups: ["x"] }), repo("b", { groups: ["y"] })], []],
    ["a group is not the default group", [repo("a", { groups: ["clinic"] }), repo("b")], []],
    ["no group, no edge", [repo("a", { groups: [] }), repo("b", { groups: [] })], []],
    [
      "a repo in two groups joins them for itself only",
      [repo("a", { groups: ["x"] }), repo("b", { groups: ["x", "y"] }), repo("c", { groups: ["y"] })],
      ["a>b", "b>a", "b>c", "c>b"],
    ],
  ])("%s", (_hazard, repos, edges) => {
    expect(written(registry(...repos))).toEqual(edges);
  });
});

describe("who is read, and whose cache is written", () => {
  const all = registry(
    repo("both"),
    repo("reader", { publish: false }),
    repo("source", { subscribe: false }),
    repo("vault", { role: "passive" }),
  );

  it("never names a passive repo", () => {
    expect(namesOf(sourcesOf(all))).toEqual(["both", "source"]);
    expect(namesOf(cachesOf(all))).toEqual(["both", "reader"]);
  });

  it("finds a repo by its whole name only", () => {
    expect(findRepo(all, "both")?.name).toBe("both");
    expect(findRepo(all, "bot")).toBeUndefined();
    expect(findRepo(all, "Both")).toBeUndefined();
  });
});

describe("the diff of two registries", () => {
  const a = repo("a");
  const b = repo("b");
  const c = repo("c");
  const nothing = { added: [], removed: [], moved: [], caches: [] };

  it.each<
    [change: string, before: Registry, after: Registry, diff: Partial<ReturnType<typeof diffRegistries>>]
  >([
    ["nothing", registry(a, b), registry(a, b), {}],
    ["how a path is written", registry(a, b), registry(a, repo("b", { writtenPath: "../b" })), {}],
    [
      "a new repo concerns every cache that it reaches, and its own",
      registry(a, b),
      registry(a, b, c),
      { added: ["c"], caches: ["a", "b", "c"] },
    ],
    [
      "a repo that leaves is purged from the others",
      registry(a, b, c),
      registry(a, c),
      { removed: ["b"], caches: ["a", "c"] },
    ],
    [
      "another path",
      registry(a, b),
      registry(a, repo("b", { path: "/else/b" })),
      { moved: ["b"], caches: ["b"] },
    ],
    [
      "another state file",
      registry(a, b),
      registry(a, repo("b", { stateFile: "docs/STATE.md" })),
      { moved: ["b"] },
    ],
    [
      "now passive",
      registry(a, b, c),
      registry(a, b, repo("c", { role: "passive" })),
      { moved: ["c"], caches: ["a", "b"] },
    ],
    [
      "no longer passive",
      registry(a, repo("b", { role: "passive" })),
      registry(a, b),
      { moved: ["b"], caches: ["a", "b"] },
    ],
    [
      "out of the group",
      registry(a, b, c),
      registry(a, b, repo("c", { groups: ["x"] })),
      { caches: ["a", "b", "c"] },
    ],
    [
      "a group that changes no edge",
      registry(a, b),
      registry(a, repo("b", { groups: ["default", "x"] })),
      {},
    ],
    [
      "no longer published",
      registry(a, b, c),
      registry(a, b, repo("c", { publish: false })),
      { caches: ["a", "b"] },
    ],
    ["no longer subscribed", registry(a, b), registry(a, repo("b", { subscribe: false })), {}],
    ["fenced from now on", registry(a, b), registry(a, repo("b", { fence: true })), { caches: ["b"] }],
    ["fenced no more", registry(a, repo("b", { fence: true })), registry(a, b), { caches: ["b"] }],
    ["subscribed", registry(a, repo("b", { subscribe: false })), registry(a, b), { caches: ["b"] }],
    ["another order", registry(a, b, c), registry(c, b, a), { caches: ["c", "b", "a"] }],
    ["an order that no cache shows", registry(a, b), registry(b, a), {}],
  ])("%s", (_change, before, after, diff) => {
    expect(diffRegistries(before, after)).toEqual({ ...nothing, ...diff });
  });
});

const anyRepo = fc.record({
  role: fc.constantFrom("execution" as const, "execution" as const, "passive" as const),
  path: fc.constantFrom("/one", "/two"),
  stateFile: fc.constantFrom("STATE.md", "docs/STATE.md"),
  groups: fc.subarray(["default", "x", "y"]),
  publish: fc.boolean(),
  subscribe: fc.boolean(),
});

const anyRegistry: fc.Arbitrary<Registry> = fc
  .shuffledSubarray(["a", "b", "c", "d", "e"])
  .chain((names) => fc.tuple(...names.map((name) => anyRepo.map((options) => repo(name, options)))))
  .map((repos) => ({ repos }));

describe("any registry", () => {
  it("gives state only between execution repos that share a group, one publishing, one subscribing", () => {
    fc.assert(
      fc.property(anyRegistry, (all) => {
        const expected = all.repos.flatMap((from) =>
          all.repos
            .filter((to) => from !== to && from.groups.some((group) => to.groups.includes(group)))
            .filter(
              (to) => from.role === "execution" && to.role === "execution" && from.publish && to.subscribe,
            )
            .map((to) => `${from.name}>${to.name}`),
        );
        expect(written(all)).toEqual(expected);
      }),
    );
  });

  it("answers alike from the source's side and from the target's", () => {
    fc.assert(
      fc.property(anyRegistry, (all) => {
        for (const from of all.repos) {
          for (const to of all.repos) {
            const allowed = isAllowed(from, to);
            expect(peersOf(all, to).includes(from)).toBe(allowed);
            expect(targetsOf(all, from).includes(to)).toBe(allowed);
            if (allowed) {
              expect(sourcesOf(all)).toContain(from);
              expect(cachesOf(all)).toContain(to);
            }
          }
        }
      }),
    );
  });
});

describe("the diff of any two registries", () => {
  it("tells of every cache whose peers are not what they were, and only of caches that are written", () => {
    fc.assert(
      fc.property(anyRegistry, anyRegistry, (before, after) => {
        const { caches } = diffRegistries(before, after);
        const peersIn = (all: Registry, name: string): string => {
          const found = findRepo(all, name);
          return found === undefined ? "" : namesOf(peersOf(all, found)).join(" ");
        };
        for (const { name, path } of cachesOf(after)) {
          const elsewhere = findRepo(before, name)?.path !== path;
          if (elsewhere || peersIn(before, name) !== peersIn(after, name)) expect(caches).toContain(name);
        }
        for (const name of caches) expect(namesOf(cachesOf(after))).toContain(name);
      }),
    );
  });

  it("leads from the one set of names to the other", () => {
    fc.assert(
      fc.property(anyRegistry, anyRegistry, (before, after) => {
        const { added, removed, moved } = diffRegistries(before, after);
        const stayed = namesOf(before.repos).filter((name) => !removed.includes(name));
        expect([...stayed, ...added].toSorted()).toEqual(namesOf(after.repos).toSorted());
        for (const name of moved) expect(stayed).toContain(name);
      }),
    );
  });

  it("is empty between a registry and itself", () => {
    fc.assert(
      fc.property(anyRegistry, (all) => {
        expect(diffRegistries(all, structuredClone(all))).toEqual({
          added: [],
          removed: [],
          moved: [],
          caches: [],
        });
      }),
    );
  });
});
