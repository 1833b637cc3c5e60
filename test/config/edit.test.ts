import { execFile } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type NewRepo, addRepo, removeRepo, writeFirstConfig } from "../../src/config/edit.ts";
import { ConfigError, loadConfig, parseConfig } from "../../src/config/load.ts";
import { insertEntry, removeEntry } from "../../src/config/splice.ts";
import { temporaryFor } from "../../src/store/temporary.ts";
import { FaultError } from "../../src/errors.ts";

const env = { HOME: "/home/me" };

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "config-edit-"));
  file = join(directory, "config.yaml");
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function faultOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "nothing was thrown",
    (thrown: unknown) => thrown,
  );
  return error instanceof FaultError ? `${error.fault.code}: ${error.message}` : String(error);
}

const commented = `# My repos.
version: 1

repos:
  # the one that matters
  karematch:       { path: ~/1_REPOS/karematch }   # the product
  ai_orchestrator: { path: ~/1_REPOS/AI_Orchestrator }

  clinic:
    path: ~/clinic
    # not for all
    groups: [clinic]

  # the vault
  mission_control: { path: ~/mc, role: passive } # docs only
  # more to come

# slow disk
debounce: { wait: 200ms,   maxWait: 2s }
rescan: "60s"
`;

describe("addRepo", () => {
  it("adds one line below the last repo and leaves every other byte alone", async () => {
    await writeFile(file, commented);
    const config = await addRepo(file, { name: "new", path: "~/new", groups: ["a", "b"] }, env);
    expect(config.registry.repos.at(-1)).toMatchObject({
      name: "new",
      path: "/home/me/new",
      groups: ["a", "b"],
    });
    const expected = commented.replace(
      "  # more to come\n",
      "  new: { path: ~/new, groups: [ a, b ] }\n  # more to come\n",
    );
    expect(await readFile(file, "utf8")).toBe(expected);
    expect(await loadConfig(file, env)).toEqual(config);
  });

  it.each<[string, string, string]>([
    ["no key repos", "version: 1\n", "version: 1\nrepos:\n  b: { path: y }\n"],
    [
      "no line end",
      "version: 1\nrepos:\n  a: {path: x}",
      "version: 1\nrepos:\n  a: {path: x}\n  b: { path: y }",
    ],
    [
      "an empty block",
      "version: 1\nrepos: # none\nrescan: 2s\n",
      "version: 1\nrepos: # none\n  b: { path: y }\nrescan: 2s\n",
    ],
    ["an empty map", "version: 1\nrepos: {} # none\n", "version: 1\nrepos: # none\n  b: { path: y }\n"],
    ["a null", "version: 1\nrepos: ~\n", "version: 1\nrepos:\n  b: { path: y }\n"],
    [
      "a deep indent",
      "version: 1\nrepos:\n      a:\n        path: x\nrescan: 2s\n",
      "version: 1\nrepos:\n      a:\n        path: x\n      b: { path: y }\nrescan: 2s\n",
    ],
    [
      "CRLF",
      "version: 1\r\nrepos:\r\n  a: {path: x} # c\r\nrescan: 2s\r\n",
      "version: 1\r\nrepos:\r\n  a: {path: x} # c\r\n  b: { path: y }\r\nrescan: 2s\r\n",
    ],
    [
      "a map in braces",
      "version: 1\nrepos: { a: { path: x } } # c\n",
      "version: 1\nrepos: { a: { path: x }, b: { path: y } } # c\n",
    ],
    [
      "JSON",
      '{"version": 1, "repos": {"a": {"path": "x"}}}',
      '{ "version": 1, "repos": { "a": { "path": "x" }, b: { path: y } } }\n',
    ],
    ["JSON without repos", '{"version": 1}', '{ "version": 1, repos: { b: { path: y } } }\n'],
  ])("knows its way in a config with %s", async (_, before, after) => {
    await writeFile(file, before);
    await addRepo(file, { name: "b", path: "y" }, env);
    expect(await readFile(file, "utf8")).toBe(after);
  });

  it("quotes what would be read as something else", async () => {
    await writeFile(file, "version: 1\n");
    const entries = [
      { name: "true", path: "/a: b # c" },
      { name: "1e3", path: "/x, {y}" },
      { name: "null", path: "'\"" },
    ];
    for (const entry of entries) await addRepo(file, entry, env);
    const { registry } = await loadConfig(file, env);
    expect(registry.repos.map(({ name, writtenPath }) => ({ name, path: writtenPath }))).toEqual(entries);
  });

  it("keeps the mode, and leaves nothing beside the file", async () => {
    await writeFile(file, commented);
    await chmod(file, 0o640);
    await addRepo(file, { name: "new", path: "~/new" }, env);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect(await readdir(directory)).toEqual(["config.yaml"]);
  });

  it("keeps a link and replaces what it leads to", async () => {
    await mkdir(join(directory, "dotfiles"));
    await writeFile(join(directory, "dotfiles", "c.yaml"), "version: 1\n");
    await symlink("dotfiles/c.yaml", file);
    await addRepo(file, { name: "new", path: "x" }, env);
    expect(await readlink(file)).toBe("dotfiles/c.yaml");
    expect((await lstat(join(directory, "dotfiles", "c.yaml"))).isFile()).toBe(true);
    expect((await loadConfig(file, env)).registry.repos[0]?.path).toBe(join(directory, "x"));
  });

  it.each<[string, NewRepo, string]>([
    [
      "a name that is there",
      { name: "karematch", path: "~/x" },
      "REPO_EXISTS: there is a repo karematch already: ~/1_REPOS/karematch",
    ],
    [
      "a directory that is there",
      { name: "new", path: "~/clinic/" },
      'USAGE: cannot add new: repos.new.path: found "~/clinic/", the directory of clinic as well, expected each directory once',
    ],
    [
      "a bad name",
      { name: "New", path: "~/x" },
      'USAGE: cannot add New: repos.New: found "New", expected a name like new (lower-case letters, digits, `.`, `_` and `-`, at most 64, the first a letter or a digit)',
    ],
    [
      "a bad state file",
      { name: "new", path: "~/x", stateFile: "../x" },
      'USAGE: cannot add new: repos.new.stateFile: found "../x", expected a path inside the repo, like docs/STATE.md; this one leaves it',
    ],
    [
      "no group",
      { name: "new", path: "~/x", groups: [] },
      "USAGE: cannot add new: repos.new.groups: found an empty list, expected a list of at least one name, like [default]",
    ],
  ])("refuses %s and touches nothing", async (_, repo, message) => {
    await writeFile(file, commented);
    const before = await stat(file, { bigint: true });
    expect(await faultOf(addRepo(file, repo, env))).toBe(message);
    const after = await stat(file, { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
    expect(await readFile(file, "utf8")).toBe(commented);
  });

  it("refuses to touch a config that is invalid already", async () => {
    await writeFile(file, "version: 1\nonSecret: block\n");
    await expect(addRepo(file, { name: "a", path: "x" }, env)).rejects.toBeInstanceOf(ConfigError);
    expect(await readFile(file, "utf8")).toBe("version: 1\nonSecret: block\n");
  });

  it("says that there is no config", async () => {
    expect(await faultOf(addRepo(file, { name: "a", path: "x" }, env))).toBe(
      `CONFIG_MISSING: there is no config at ${file}`,
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it("ten at the same time all arrive", async () => {
    await writeFile(file, commented);
    const names = Array.from({ length: 10 }, (_, index) => `n${index}`);
    await Promise.all(names.map((name) => addRepo(file, { name, path: `~/${name}` }, env)));
    const present = (await loadConfig(file, env)).registry.repos.map(({ name }) => name);
    expect(present.slice(4).toSorted()).toEqual(names);
  });
});

describe("two commands at the same time", () => {
  it("lose nothing of each other, in four processes", async () => {
    await writeFile(file, "version: 1\nrepos:\n");
    const bundle = join(directory, "adder.mjs");
    await build({
      stdin: {
        contents: `import { addRepo } from "./src/config/edit.ts";
          const [, , file, id] = process.argv;
          for (let n = 0; n < 10; n++) await addRepo(file, { name: \`p\${id}-\${n}\`, path: \`/r/\${id}/\${n}\` });`,
        resolveDir: fileURLToPath(new URL("../..", import.meta.url)),
      },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: bundle,
      external: ["fs-native-extensions"],
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
    });
    await symlink(
      fileURLToPath(new URL("../../node_modules", import.meta.url)),
      join(directory, "node_modules"),
    );
    const run = promisify(execFile);
    await Promise.all([1, 2, 3, 4].map((id) => run(process.execPath, [bundle, file, String(id)])));
    expect((await loadConfig(file, env)).registry.repos).toHaveLength(40);
    expect((await readdir(directory)).toSorted()).toEqual(["adder.mjs", "config.yaml", "node_modules"]);
  }, 60_000);

  it("one that was killed leaves a temporary, and the next takes it away", async () => {
    await writeFile(file, "version: 1\n");
    await writeFile(temporaryFor(file), "half");
    await addRepo(file, { name: "a", path: "x" }, env);
    expect(await readdir(directory)).toEqual(["config.yaml"]);
  });
});

describe("removeRepo", () => {
  it("takes out the entry alone, and the comments about it stay", async () => {
    await writeFile(file, commented);
    await removeRepo(file, "clinic", env);
    await removeRepo(file, "karematch", env);
    const expected = commented
      .replace("  clinic:\n    path: ~/clinic\n    # not for all\n    groups: [clinic]\n", "")
      .replace("  karematch:       { path: ~/1_REPOS/karematch }   # the product\n", "");
    expect(await readFile(file, "utf8")).toBe(expected);
  });

  it("the last one leaves a config that still loads", async () => {
    await writeFile(file, "version: 1\nrepos:\n  a: { path: x }");
    const config = await removeRepo(file, "a", env);
    expect(config.registry.repos).toEqual([]);
    expect(await readFile(file, "utf8")).toBe("version: 1\nrepos:\n");
  });

  it("from a map in braces", async () => {
    await writeFile(file, '{"version": 1, "repos": {"a": {"path": "x"}, "b": {"path": "y"}}}');
    const config = await removeRepo(file, "a", env);
    expect(config.registry.repos.map(({ name }) => name)).toEqual(["b"]);
  });

  it("refuses where another entry needs what it defines", async () => {
    const text = "version: 1\nrepos:\n  a: { path: x, groups: &g [q] }\n  b: { path: y, groups: *g }\n";
    await writeFile(file, text);
    expect(await faultOf(removeRepo(file, "a", env))).toMatch(
      /^USAGE: cannot remove a: .*the alias \*g, expected an anchor/,
    );
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("says which ones there are, and which was probably meant", async () => {
    await writeFile(file, commented);
    expect(await faultOf(removeRepo(file, "kare-mtach", env))).toBe(
      'REPO_UNKNOWN: there is no repo "kare-mtach"; registered are karematch, ai_orchestrator, clinic, mission_control; did you mean karematch?',
    );
  });
});

describe("adding and removing, for any repos and any layout", () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,6}$/);
  const path = fc
    .stringMatching(/^[ -~]{1,12}$/)
    .filter((text) => !text.includes("$") && !text.startsWith("~"));
  const entry = fc.record({ path: path.map((text) => `/${text}`) }, { requiredKeys: ["path"] });
  const line = fc.constantFrom("", "\n", "  # comment\n", "    # deeper\n", "\n  # two\n\n");
  const layout = fc.record({
    repos: fc.uniqueArray(fc.tuple(name, fc.boolean(), line), { selector: ([key]) => key, maxLength: 5 }),
    tail: fc.constantFrom("", "\n# tail\n", "rescan: 2s\n", "\nrescan: 2s # x"),
    crlf: fc.boolean(),
  });

  it("what was added is there, all else is as it was, and removing it gives back the same bytes", async () => {
    await fc.assert(
      fc.asyncProperty(layout, name, entry, async ({ repos, tail, crlf }, added, { path: where }) => {
        fc.pre(!repos.some(([key]) => key === added));
        const blocks = repos.map(([key, isBlock, comment], index) => {
          const quoted = `  "${key}":`;
          return (
            (isBlock ? `${quoted}\n    path: "/r/${index}"\n` : `${quoted}   {path: "/r/${index}"} # c\n`) +
            comment
          );
        });
        const plain = `# head\nversion: 1\nrepos:\n${blocks.join("")}${tail}`;
        const text = crlf ? plain.replaceAll("\n", "\r\n") : plain;
        const parse = (source: string) => parseConfig(Buffer.from(source), "/c/config.yaml", env);
        const before = await parse(text);
        const grown = insertEntry(text, added, { path: where })[0] ?? "";
        const after = await parse(grown);
        expect(after.registry.repos.slice(0, -1)).toEqual(before.registry.repos);
        expect(after.registry.repos.at(-1)).toMatchObject({ name: added, writtenPath: where });
        const shrunk = removeEntry(grown, added)[0] ?? "";
        expect(shrunk).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe("writeFirstConfig", () => {
  it("makes a private file in a private directory, which loads", async () => {
    const deep = join(directory, "new", "state-syncd", "config.yaml");
    await writeFirstConfig(
      deep,
      [
        { name: "a", path: "~/a" },
        { name: "b", path: "~/b", role: "passive" },
      ],
      env,
    );
    expect((await stat(deep)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, "new", "state-syncd"))).mode & 0o777).toBe(0o700);
    const config = await loadConfig(deep, env);
    expect(config.registry.repos.map(({ name, role }) => [name, role])).toEqual([
      ["a", "execution"],
      ["b", "passive"],
    ]);
    expect(config).toMatchObject({ debounceMs: { wait: 100, maxWait: 1000 }, rescanMs: 60_000 });
  });

  it("leaves the mode of a directory that is there", async () => {
    await chmod(directory, 0o755);
    await writeFirstConfig(file, [], env);
    expect((await stat(directory)).mode & 0o777).toBe(0o755);
  });

  it.each(["file", "link to nowhere"])("refuses where there is a %s", async (what) => {
    if (what === "file") await writeFile(file, "mine");
    else await symlink("nowhere", file);
    expect(await faultOf(writeFirstConfig(file, [], env))).toBe(
      `CONFIG_EXISTS: there is a config at ${file} already; it stays as it is`,
    );
    expect(what === "file" ? await readFile(file, "utf8") : await readlink(file)).toBe(
      what === "file" ? "mine" : "nowhere",
    );
    expect(await readdir(directory)).toEqual(["config.yaml"]);
  });

  it("names the path where it cannot be written", async () => {
    await writeFile(join(directory, "x"), "");
    const under = join(directory, "x", "config.yaml");
    expect(await faultOf(writeFirstConfig(under, [], env))).toBe(
      `CONFIG_UNWRITABLE: cannot write ${under}: ENOTDIR`,
    );
  });
});
