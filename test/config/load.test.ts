import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Config, ConfigError, loadConfig, parseConfig } from "../../src/config/load.ts";
import { FaultError } from "../../src/errors.ts";

const env = { HOME: "/home/me", REPOS: "/srv/repos", EMPTY: "" };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "config-load-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function load(text: string | Buffer): Promise<Config> {
  const file = join(directory, "config.yaml");
  await writeFile(file, text);
  return await loadConfig(file, env);
}

/** What a config is refused for; nothing where it is not. Anything but a ConfigError is a defect. */
async function refusalOf(work: Promise<Config>): Promise<ConfigError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError && error.fault.code === "CONFIG_INVALID") return error;
    throw error;
  }
}

/** The mistakes as lines, without the file's name. */
async function mistakesIn(text: string | Buffer): Promise<string[]> {
  const lines = (await refusalOf(load(text)))?.message.split("\n") ?? [];
  return lines.map((line) => line.replace(`${join(directory, "config.yaml")}:`, ""));
}

const repo = (entry: string): string => `version: 1\nrepos:\n  a: ${entry}\n`;

describe("a config that is right", () => {
  it("has every default filled in", async () => {
    const text = "version: 1\nrepos:\n  karematch: { path: ~/repos/karematch/ }\n";
    expect(await load(text)).toEqual({
      file: join(directory, "config.yaml"),
      sha256: createHash("sha256").update(text).digest("hex"),
      debounceMs: { wait: 100, maxWait: 1000 },
      rescanMs: 60_000,
      maxBytes: 1024 * 1024,
      guard: { patterns: {}, allow: [] },
      registry: {
        repos: [
          {
            name: "karematch",
            path: "/home/me/repos/karematch",
            writtenPath: "~/repos/karematch/",
            role: "execution",
            stateFile: "STATE.md",
            groups: ["default"],
            publish: true,
            subscribe: true,
            onSecret: "redact",
            fence: false,
          },
        ],
      },
    });
  });

  it.each([
    ["~", "/home/me"],
    ["~/x", "/home/me/x"],
    ["${REPOS}/x", "/srv/repos/x"],
    ["~/${REPOS}x", "/home/me//srv/reposx".replace("//", "/")],
    ["/a/../b", "/b"],
    ["./$odd", "<directory>/$odd"],
    ["repos/x", "<directory>/repos/x"],
    ["../x", "<directory>/../x"],
  ])("takes the path %s for %s", async (written, path) => {
    const config = await load(repo(`{ path: ${JSON.stringify(written)} }`));
    const expected = path.replace("<directory>", directory);
    expect(config.registry.repos[0]).toMatchObject({ path: join(expected), writtenPath: written });
  });

  it.each([
    ["100ms", 100],
    ["60s", 60_000],
    ["1.5s", 1500],
    ["1 m", 60_000],
  ])("takes the wait %s for %d ms", async (written, wait) => {
    const config = await load(`version: 1\ndebounce: { wait: ${written}, maxWait: 10m }\nrescan: 1h\n`);
    expect(config.debounceMs).toEqual({ wait, maxWait: 600_000 });
    expect(config.rescanMs).toBe(3_600_000);
  });

  it.each([
    "version: 1\n",
    "version: 1\nrepos:\n",
    "version: 1\nrepos: {}\n",
    "version: 1\nrepos:\n  # none yet\n",
  ])("may have no repos: %j", async (text) => {
    expect((await load(text)).registry.repos).toEqual([]);
  });

  it("keeps the order of the file even for names that look like numbers", async () => {
    const config = await load(
      "version: 1\nrepos:\n  b: {path: b}\n  10: {path: c}\n  2: {path: d}\n  true: {path: e}\n",
    );
    expect(config.registry.repos.map(({ name }) => name)).toEqual(["b", "10", "2", "true"]);
  });

  it("may use names that objects have a meaning of their own for", async () => {
    const config = await load("version: 1\nrepos:\n  constructor: {path: b}\n  tostring: {path: c}\n");
    expect(config.registry.repos.map(({ name }) => name)).toEqual(["constructor", "tostring"]);
  });

  it("may use an anchor for what repos have in common", async () => {
    const config = await load(
      "version: 1\nrepos:\n  a: { path: a, groups: &g [x, y] }\n  b: { path: b, groups: *g }\n",
    );
    expect(config.registry.repos.map(({ groups }) => groups)).toEqual([
      ["x", "y"],
      ["x", "y"],
    ]);
  });

  it("normalises the state file and counts a group once", async () => {
    const config = await load(repo("{ path: a, stateFile: ./docs//x/../STATE.md, groups: [b, b] }"));
    expect(config.registry.repos[0]).toMatchObject({ stateFile: "docs/STATE.md", groups: ["b"] });
  });

  it("may be a symlink, with paths relative to where the link is", async () => {
    await mkdir(join(directory, "dotfiles"));
    await writeFile(join(directory, "dotfiles", "real.yaml"), repo("{ path: x }"));
    const link = join(directory, "config.yaml");
    await symlink(join("dotfiles", "real.yaml"), link);
    const config = await loadConfig(link, env);
    expect(config.file).toBe(link);
    expect(config.registry.repos[0]?.path).toBe(join(directory, "x"));
  });

  it("may have CRLF line ends and a byte order mark", async () => {
    const config = await load("\uFEFFversion: 1\r\nrepos:\r\n  a: { path: x }\r\n");
    expect(config.registry.repos[0]?.writtenPath).toBe("x");
  });

  it("is named by an absolute path even where a relative one was given", async () => {
    await load("version: 1\n");
    const config = await loadConfig(relative(process.cwd(), join(directory, "config.yaml")), env);
    expect(config.file).toBe(join(directory, "config.yaml"));
  });

  it("may name directories that are not there", async () => {
    expect((await load(repo("{ path: /nowhere/at/all }"))).registry.repos).toHaveLength(1);
  });
});

const NAME = "(lower-case letters, digits, `.`, `_` and `-`, at most 64, the first a letter or a digit)";
const REPO_KEYS = "path, role, stateFile, groups, publish, subscribe, onSecret, fence";
const WAIT = "a duration with its unit from 10ms to 60s, like 100ms";

describe("a config that is wrong says where and what would be right", () => {
  it.each<[string, string, readonly string[]]>([
    ["an empty file", "", ["1:1: found nothing, expected a map with `version: 1` and `repos:`"]],
    ["a list", "- a\n", ["1:1: found a list, expected a map with `version: 1` and `repos:`"]],
    ["no version", "repos:\n", ["1:1 version: found nothing, expected 1, the only version there is"]],
    ["another version", "version: 2\n", ["1:10 version: found 2, expected 1, the only version there is"]],
    [
      "a version in quotes",
      'version: "1"\n',
      ['1:10 version: found "1", expected 1, the only version there is'],
    ],
    [
      "a mistyped key",
      "version: 1\nrepo:\n",
      ['2:1 repo: found the unknown key "repo", expected repos (did you mean that?)'],
    ],
    [
      "a key in another spelling",
      "version: 1\ndebounce: { max_wait: 1s }\n",
      ['2:13 debounce.max_wait: found the unknown key "max_wait", expected maxWait (did you mean that?)'],
    ],
    [
      "a setting that would be a promise and is not kept yet",
      repo("{ path: x, hooks: true }"),
      [`3:17 repos.a.hooks: found the unknown key "hooks", expected one of ${REPO_KEYS}`],
    ],
    [
      "what happens to secrets, in a word that is none",
      repo("{ path: x, onSecret: ignore }"),
      ['3:27 repos.a.onSecret: found "ignore", expected redact or block'],
    ],
    [
      "a name that the daemon keeps for itself",
      "version: 1\nrepos:\n  state-syncd.canary: { path: x }\n",
      [
        '3:3 repos["state-syncd.canary"]: found "state-syncd.canary", expected another name: those with state-syncd. are the daemon\'s own',
      ],
    ],
    [
      "settings of the guard in the wrong shape",
      "version: 1\nguard: { patterns: [x], allow: x, deny: y }\n",
      [
        "2:20 guard.patterns: found a list, expected a map of names to patterns, like record-number: 'MRN-[0-9]{8}'",
        "2:32 guard.allow: found \"x\", expected a list of patterns, like ['AKIA[A-Z]+EXAMPLE']",
        '2:35 guard.deny: found the unknown key "deny", expected one of patterns, allow',
      ],
    ],
    [
      "a merge key",
      "version: 1\nx: &x {wait: 1s}\ndebounce: { <<: *x }\n",
      [
        '2:1 x: found the unknown key "x", expected one of version, repos, guard, debounce, rescan, maxBytes',
        '3:13 debounce["<<"]: found the unknown key "<<", expected one of wait, maxWait',
      ],
    ],
    [
      "repos as a list",
      "version: 1\nrepos: [a]\n",
      [
        "2:8 repos: found a list, expected a map of names to repos, like karematch: { path: ~/repos/karematch }",
      ],
    ],
    [
      "a repo without anything",
      "version: 1\nrepos:\n  a:\n",
      ["3:3 repos.a: found nothing, expected a map like { path: ~/repos/karematch }"],
    ],
    ["a repo that is its path", repo("~/x"), ['3:6 repos.a: found "~/x", expected a map: { path: ~/x }']],
    [
      "no path",
      repo("{ role: passive }"),
      ["3:6 repos.a.path: found nothing, expected a path like ~/repos/karematch"],
    ],
    [
      "a number for a path",
      repo("{ path: 42 }"),
      ["3:14 repos.a.path: found 42, expected a path like ~/repos/karematch"],
    ],
    [
      "an empty path",
      repo('{ path: "" }'),
      ['3:14 repos.a.path: found "", expected a path like ~/repos/karematch'],
    ],
    [
      "a path left out",
      repo("{ path: }"),
      ["3:8 repos.a.path: found nothing, expected a path like ~/repos/karematch"],
    ],
    [
      "a variable that is not set",
      repo("{ path: '${NOPE}/x' }"),
      ['3:14 repos.a.path: found "${NOPE}/x", expected a variable that is set; NOPE is not'],
    ],
    [
      "a variable that is empty",
      repo("{ path: '${EMPTY}/x' }"),
      ['3:14 repos.a.path: found "${EMPTY}/x", expected a variable that is set; EMPTY is not'],
    ],
    [
      "a variable that is not closed",
      repo("{ path: '${REPOS/x' }"),
      ['3:14 repos.a.path: found "${REPOS/x", expected variables in the form ${NAME}'],
    ],
    [
      "a variable without braces",
      repo("{ path: $HOME/x }"),
      ['3:14 repos.a.path: found "$HOME/x", expected the variable in braces: ${HOME}/x'],
    ],
    [
      "another user's home",
      repo("{ path: ~you/x }"),
      [
        '3:14 repos.a.path: found "~you/x", expected ~ alone or ~/...; the home of another user is written in full',
      ],
    ],
    [
      "a line break in a path",
      repo('{ path: "a\\nb" }'),
      ['3:14 repos.a.path: found "a\\nb", expected a path without control characters'],
    ],
    [
      "an unknown role",
      repo("{ path: x, role: pasive }"),
      ['3:23 repos.a.role: found "pasive", expected execution or passive'],
    ],
    [
      "a yes for a true",
      repo("{ path: x, publish: yes }"),
      ['3:26 repos.a.publish: found "yes", expected true or false'],
    ],
    [
      "no group at all",
      repo("{ path: x, groups: [] }"),
      ["3:25 repos.a.groups: found an empty list, expected a list of at least one name, like [default]"],
    ],
    [
      "a group that is no list",
      repo("{ path: x, groups: b }"),
      ['3:25 repos.a.groups: found "b", expected a list of at least one name, like [default]'],
    ],
    [
      "a bad group",
      repo("{ path: x, groups: [b, C] }"),
      [`3:29 repos.a.groups[1]: found "C", expected ${NAME.slice(1, -1)}`],
    ],
    [
      "a bad name",
      "version: 1\nrepos:\n  Kare Match: { path: x }\n",
      [`3:3 repos["Kare Match"]: found "Kare Match", expected a name like kare-match ${NAME}`],
    ],
    [
      "a name that is a trap",
      "version: 1\nrepos:\n  __proto__: { path: x }\n",
      [`3:3 repos.__proto__: found "__proto__", expected a name like proto ${NAME}`],
    ],
    [
      "too long a name",
      `version: 1\nrepos:\n  ${"n".repeat(65)}: { path: x }\n`,
      [
        `3:3 repos.${"n".repeat(65)}: found "${"n".repeat(57)}...", expected a name like ${"n".repeat(64)} ${NAME}`,
      ],
    ],
    [
      "an absolute state file",
      repo("{ path: x, stateFile: /etc/passwd }"),
      [
        '3:28 repos.a.stateFile: found "/etc/passwd", expected a path inside the repo, like docs/STATE.md, relative to it',
      ],
    ],
    [
      "a state file in the home",
      repo("{ path: x, stateFile: ~/S.md }"),
      [
        '3:28 repos.a.stateFile: found "~/S.md", expected a path inside the repo, like docs/STATE.md, relative to it',
      ],
    ],
    [
      "a state file outside",
      repo("{ path: x, stateFile: docs/../../y/S.md }"),
      [
        '3:28 repos.a.stateFile: found "docs/../../y/S.md", expected a path inside the repo, like docs/STATE.md; this one leaves it',
      ],
    ],
    [
      "a directory as the state file",
      repo("{ path: x, stateFile: docs/ }"),
      ['3:28 repos.a.stateFile: found "docs/", expected a file, not a directory, like docs/STATE.md'],
    ],
    [
      "the repo as its state file",
      repo("{ path: x, stateFile: . }"),
      ['3:28 repos.a.stateFile: found ".", expected a file, not a directory, like docs/STATE.md'],
    ],
    [
      "the cache as the state file",
      repo("{ path: x, stateFile: docs/../.aibrain/global-state-cache.md }"),
      [
        '3:28 repos.a.stateFile: found "docs/../.aibrain/global-state-cache.md", expected a file outside .aibrain, where the caches are, like docs/STATE.md',
      ],
    ],
    [
      "the cache on a file system without case",
      repo("{ path: x, stateFile: .AIbrain/x.md }"),
      [
        '3:28 repos.a.stateFile: found ".AIbrain/x.md", expected a file outside .aibrain, where the caches are, like docs/STATE.md',
      ],
    ],
    [
      "a duration without its unit",
      "version: 1\ndebounce: { wait: 100 }\n",
      [`2:19 debounce.wait: found 100, expected ${WAIT}`],
    ],
    [
      "a duration in quotes without its unit",
      'version: 1\ndebounce: { wait: "100" }\n',
      [`2:19 debounce.wait: found "100", expected ${WAIT}`],
    ],
    [
      "a negative duration",
      "version: 1\ndebounce: { wait: -1s }\n",
      [`2:19 debounce.wait: found "-1s", expected ${WAIT}`],
    ],
    [
      "an unknown unit",
      "version: 1\ndebounce: { wait: 1 fortnight }\n",
      [`2:19 debounce.wait: found "1 fortnight", expected ${WAIT}`],
    ],
    [
      "too short a wait",
      "version: 1\ndebounce: { wait: 9ms }\n",
      [`2:19 debounce.wait: found "9ms", expected ${WAIT}`],
    ],
    [
      "too long a wait",
      "version: 1\ndebounce: { wait: 61s, maxWait: 2m }\n",
      [`2:19 debounce.wait: found "61s", expected ${WAIT}`],
    ],
    [
      "too long a maxWait",
      "version: 1\ndebounce: { maxWait: 11m }\n",
      ['2:22 debounce.maxWait: found "11m", expected a duration with its unit from 10ms to 10m, like 1s'],
    ],
    [
      "a maxWait below wait",
      "version: 1\ndebounce: { wait: 2s, maxWait: 1s }\n",
      ['2:32 debounce.maxWait: found "1s", expected at least 2s, which is what wait is'],
    ],
    [
      "a wait above the default maxWait",
      "version: 1\ndebounce: { wait: 2s }\n",
      ["2:11 debounce.maxWait: found nothing, which means 1s, expected at least 2s, which is what wait is"],
    ],
    [
      "debounce as a duration",
      "version: 1\ndebounce: 1s\n",
      ['2:11 debounce: found "1s", expected a map like { wait: 100ms, maxWait: 1s }'],
    ],
    [
      "too short a rescan",
      "version: 1\nrescan: 999ms\n",
      ['2:9 rescan: found "999ms", expected a duration with its unit from 1s to 1h, like 60s'],
    ],
    [
      "too long a rescan",
      "version: 1\nrescan: 2h\n",
      ['2:9 rescan: found "2h", expected a duration with its unit from 1s to 1h, like 60s'],
    ],
    [
      "bytes with a unit",
      "version: 1\nmaxBytes: 1MiB\n",
      ['2:11 maxBytes: found "1MiB", expected a whole number of bytes from 1024 to 16777216, like 1048576'],
    ],
    [
      "too few bytes",
      "version: 1\nmaxBytes: 12\n",
      ["2:11 maxBytes: found 12, expected at least 1024 bytes"],
    ],
    [
      "infinitely many bytes",
      "version: 1\nmaxBytes: .inf\n",
      ["2:11 maxBytes: found Infinity, expected a whole number of bytes from 1024 to 16777216, like 1048576"],
    ],
    [
      "a key twice",
      "version: 1\nrescan: 2s\nrescan: 3s\n",
      ['3:1: found the key "rescan" a second time, expected every key once'],
    ],
    [
      "a repo twice",
      "version: 1\nrepos:\n  a: { path: x }\n  a: { path: y }\n",
      ['4:3: found the key "a" a second time, expected every key once'],
    ],
    ["a tab", "version: 1\nrepos:\n\ta: { path: x }\n", ["3:1: found a tab as indentation, expected spaces"]],
    ["a tag", repo("{ path: !env X }"), ['3:14: found a YAML tag ("!env"), expected a plain value']],
    [
      "two documents",
      "version: 1\n---\nversion: 1\n",
      ["2:1: found a second YAML document, expected one document a file"],
    ],
    ["an alias without an anchor", repo("*b"), ["3:6: found the alias *b, expected an anchor &b before it"]],
    [
      "an alias for what it is in",
      repo("&a { path: x, groups: [*a] }"),
      ["3:29: found the alias *a, expected a value that does not contain itself"],
    ],
    [
      "a key that is a list",
      "version: 1\n? [a]\n: 1\n",
      ["2:3: found a key that is not a plain word, expected a name"],
    ],
  ])("%s", async (_, text, expected) => {
    expect(await mistakesIn(text)).toEqual(expected);
  });

  it("broken YAML: what stands before it is checked all the same, and nothing is made up after it", async () => {
    const mistakes = await mistakesIn(
      "version: 2\nrepos:\n  a: { path: 42 }\n  b: { path: x\n  c: { path: 43 }\n",
    );
    expect(mistakes).toHaveLength(3);
    expect(mistakes[0]).toMatch(/^1:10 version: found 2/);
    expect(mistakes[1]).toMatch(/^3:14 repos\.a\.path: found 42/);
    expect(mistakes[2]).toMatch(/^[45]:\d+: found broken YAML \(.+\), expected valid YAML$/);
  });

  it("names every mistake at once, in the order of the file, as data and as text", async () => {
    const text = [
      "version: 1",
      "rescan: 60",
      "repos:",
      "  A: { path: 42, roel: passive }",
      "  b: { path: '${NOPE}', stateFile: ../x, groups: [] }",
      "  b: { path: ok }",
      "debounce: { wait: 1, maxwait: 2 }",
      "onSecret: block",
    ].join("\n");
    const error: unknown = await load(text).catch((thrown: unknown) => thrown);
    if (!(error instanceof ConfigError)) throw new Error("it was let through");
    expect(error).toBeInstanceOf(FaultError);
    expect(error.mistakes.map(({ line, where }) => [line, where])).toEqual([
      [2, "rescan"],
      [4, "repos.A"],
      [4, "repos.A.path"],
      [4, "repos.A.roel"],
      [6, ""],
      [7, "debounce.wait"],
      [7, "debounce.maxwait"],
      [8, "onSecret"],
    ]);
    expect(error.message.split("\n")).toHaveLength(8);
    expect(error.file).toBe(join(directory, "config.yaml"));
  });

  it("two entries for one real directory, by whatever way they lead there", async () => {
    await mkdir(join(directory, "x"));
    await symlink("x", join(directory, "link"));
    const mistakes = await mistakesIn(
      "version: 1\nrepos:\n  a: { path: x }\n  b: { path: ./link/. }\n  c: { path: x/, role: 1 }\n",
    );
    expect(mistakes).toEqual([
      '4:14 repos.b.path: found "./link/.", the directory of a as well, expected each directory once',
      '5:14 repos.c.path: found "x/", the directory of a as well, expected each directory once',
      "5:24 repos.c.role: found 1, expected execution or passive",
    ]);
  });

  it("one missing directory written twice", async () => {
    expect(await mistakesIn("version: 1\nrepos:\n  a: { path: /no/x }\n  b: { path: /no/y/../x }\n")).toEqual(
      ['4:14 repos.b.path: found "/no/y/../x", the directory of a as well, expected each directory once'],
    );
  });

  it("bytes that are not UTF-8, where they stand", async () => {
    const text = Buffer.concat([Buffer.from("version: 1\n# B"), Buffer.from([0xfc]), Buffer.from("cher\n")]);
    expect(await mistakesIn(text)).toEqual([
      "2:4: found bytes that are not UTF-8, expected the file to be saved as UTF-8",
    ]);
  });

  it("aliases that multiply do not eat the memory", async () => {
    const levels = Array.from(
      { length: 30 },
      (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level},`.repeat(9)}]`,
    );
    const started = performance.now();
    const mistakes = await mistakesIn(`version: 1\nl0: &l0 [x]\n${levels.join("\n")}\n`);
    expect(mistakes).toEqual([
      "1:1: found aliases that multiply, expected at most a hundred values by way of aliases",
    ]);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("any text at all gives a config or a ConfigError with places inside the file", async () => {
    const words = [
      "version",
      "repos",
      "a",
      "path",
      ": ",
      ":",
      "\n",
      "  ",
      "{",
      "}",
      "[",
      "]",
      "1",
      "~/x",
      "&a ",
      "*a",
      "-",
      "'",
      '"',
      "#",
      "\t",
      "!",
      "|",
      ">",
      ",",
      "?",
      "\r\n",
      "\0",
      "é",
    ];
    const soup = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          soup,
          soup.map((text) => `version: 1\nrepos:\n  ${text}`),
          fc.string(),
        ),
        async (text) => {
          const refusal = await refusalOf(parseConfig(Buffer.from(text), "/tmp/config.yaml", env));
          expect(refusal?.mistakes.length).not.toBe(0);
          const lines = text.split("\n").length;
          const outside = refusal?.mistakes.filter(
            ({ line, column }) => line < 1 || line > lines || column < 1,
          );
          expect(outside ?? []).toEqual([]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("a config that cannot be read", () => {
  const codeOf = async (file: string): Promise<string> => {
    const error: unknown = await loadConfig(file, env).catch((thrown: unknown) => thrown);
    return error instanceof FaultError ? `${error.fault.code}: ${error.message}` : String(error);
  };

  it("is missing", async () => {
    const file = join(directory, "nope.yaml");
    expect(await codeOf(file)).toBe(`CONFIG_MISSING: there is no config at ${file}`);
  });

  it("is a link that leads nowhere", async () => {
    const file = join(directory, "link.yaml");
    await symlink("gone.yaml", file);
    expect(await codeOf(file)).toBe(
      `CONFIG_MISSING: there is no config at ${file}: the link leads to gone.yaml, and nothing is there`,
    );
  });

  it("is a directory", async () => {
    expect(await codeOf(directory)).toBe(`CONFIG_UNREADABLE: ${directory} is not a regular file`);
  });

  it("is a pipe, which must not be waited for", async () => {
    const file = join(directory, "pipe");
    execFileSync("mkfifo", [file]);
    expect(await codeOf(file)).toBe(`CONFIG_UNREADABLE: ${file} is not a regular file`);
  });

  it.skipIf(process.getuid?.() === 0)("may not be read", async () => {
    const file = join(directory, "config.yaml");
    await writeFile(file, "version: 1\n");
    await chmod(file, 0);
    expect(await codeOf(file)).toBe(`CONFIG_UNREADABLE: cannot read ${file}: EACCES`);
  });

  it("is something large that was named by mistake", async () => {
    expect(await mistakesIn("#".repeat(1024 * 1024 + 1))).toEqual([
      "1:1: found 1048577 bytes, expected a config, at most 1 MiB",
    ]);
  });
});
