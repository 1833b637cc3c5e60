import { mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configCheck, configPath, configSchema } from "../../src/commands/config.ts";
import type { CommandContext } from "../../src/commands/context.ts";
import { init } from "../../src/commands/init.ts";
import { reposAdd, reposList, reposRemove } from "../../src/commands/repos.ts";
import { loadConfig } from "../../src/config/load.ts";
import { locate } from "../../src/paths.ts";
import { jsonSchema } from "../../src/config/schema.ts";
import { FaultError } from "../../src/errors.ts";

let root: string;
let file: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "config-commands-")));
  file = join(root, "etc", "state-syncd", "config.yaml");
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Terminal {
  readonly context: CommandContext;
  readonly stdin: PassThrough;
  readonly out: () => string;
  readonly err: () => string;
}

/** Streams of this process's own, since a test runner has no terminal. */
function terminal(
  options: { readonly tty?: boolean; readonly json?: boolean; readonly cwd?: string } = {},
): Terminal {
  const { tty = false, json = false, cwd = root } = options;
  const streams = [new PassThrough(), new PassThrough(), new PassThrough()].map((stream) =>
    Object.assign(stream, { isTTY: tty, setRawMode: () => stream }),
  );
  const [stdin, stdout, stderr] = streams;
  if (stdin === undefined || stdout === undefined || stderr === undefined)
    throw new Error("three streams were made");
  const texts = [stdout, stderr].map((stream) => {
    let text = "";
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    return () => text;
  });
  const context: CommandContext = {
    paths: locate(file),
    json,
    cwd,
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
  };
  return { context, stdin, out: texts[0] ?? String, err: texts[1] ?? String };
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    (code) => `exit ${String(code)}`,
    (thrown: unknown) => thrown,
  );
  return error instanceof FaultError ? `${error.fault.code}: ${error.message}` : String(error);
}

async function makeRepos(): Promise<void> {
  await mkdir(join(root, "repos", "Karematch"), { recursive: true });
  await writeFile(join(root, "repos", "Karematch", "STATE.md"), "x");
  await mkdir(join(root, "repos", "clinic", "docs"), { recursive: true });
  await writeFile(join(root, "repos", "clinic", "docs", "STATE.md"), "x");
  await mkdir(join(root, "repos", "vault", ".git"), { recursive: true });
}

async function names(): Promise<string[]> {
  return (await loadConfig(file)).registry.repos.map(
    ({ name, role, stateFile }) => `${name} ${role} ${stateFile}`,
  );
}

const three = [
  "karematch execution STATE.md",
  "clinic execution docs/STATE.md",
  "vault passive STATE.md",
].toSorted();

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("waited in vain");
    await new Promise((settle) => setImmediate(settle));
  }
}

/** Leaves the list of what was found as it is. */
async function goOn(stdin: PassThrough, err: () => string): Promise<void> {
  await until(() => err().includes("Enter: go on"));
  stdin.write("\r");
  await until(() => err().includes("[Y/n]"));
}

describe("init", () => {
  beforeEach(makeRepos);

  it.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
    ["q", "q"],
    ["the terminal's end", undefined],
  ])("at the list of what was found, %s leaves everything untouched", async (_, answer) => {
    const { context, stdin, err } = terminal({ tty: true });
    const done = init({ scan: "repos", yes: false }, context);
    await until(() => err().includes("Enter: go on"));
    if (answer === undefined) stdin.end();
    else stdin.write(answer);
    expect(await done).toBe(1);
    expect(err()).toContain("Nothing was written.");
    expect(await readdir(root)).toEqual(["repos"]);
  });

  it("--yes writes what it found and names the next step", async () => {
    const { context, out, err } = terminal();
    expect(await init({ scan: "repos", yes: true }, context)).toBe(0);
    expect((await names()).toSorted()).toEqual(three);
    expect(out()).toBe(`Wrote ${file} with 3 repos.\n`);
    expect(err()).toContain(`Looking for repos in ${join(root, "repos")}`);
    expect(err()).toContain("state-syncd run");
  });

  it("without a terminal and without --yes it prints what it would write, and writes nothing", async () => {
    const { context, out, err } = terminal();
    expect(await init({ scan: "repos", yes: false }, context)).toBe(2);
    expect(err()).toContain("--yes");
    expect(await readdir(root)).toEqual(["repos"]);
    await mkdir(join(root, "etc", "state-syncd"), { recursive: true });
    await writeFile(file, out());
    expect((await names()).toSorted()).toEqual(three);
  });

  it.each(["y\n", "\n", "Yes\n"])("on a terminal it asks, and %j is a yes", async (answer) => {
    const { context, stdin, err } = terminal({ tty: true });
    const done = init({ scan: "repos", yes: false }, context);
    await goOn(stdin, err);
    expect(await readdir(root)).toEqual(["repos"]);
    expect(err()).toContain("karematch: { path: ");
    stdin.write(answer);
    expect(await done).toBe(0);
    expect(await names()).toHaveLength(3);
  });

  it.each([
    ["n", "n\n"],
    ["anything else", "what?\n"],
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
    ["the terminal's end", undefined],
  ])("on a terminal %s is a no", async (_, answer) => {
    const { context, stdin, err } = terminal({ tty: true });
    const done = init({ scan: "repos", yes: false }, context);
    await goOn(stdin, err);
    if (answer === undefined) stdin.end();
    else stdin.write(answer);
    expect(await done).toBe(1);
    expect(err()).toContain("Nothing was written.");
    expect(await readdir(root)).toEqual(["repos"]);
  });

  it("leaves a config that is there alone, and says how to add to it", async () => {
    await mkdir(join(root, "etc", "state-syncd"), { recursive: true });
    await writeFile(file, "mine");
    const error: unknown = await init({ yes: true }, terminal().context).catch((thrown: unknown) => thrown);
    if (!(error instanceof FaultError)) throw new Error("it went on");
    expect(error.fault.code).toBe("CONFIG_EXISTS");
    expect(error.fault.remedy).toContain("repos add");
    expect(await readFile(file, "utf8")).toBe("mine");
  });

  it.each([
    ["in a repo, the directory it stands in", "repos/clinic/docs"],
    ["elsewhere, the current one", "repos"],
  ])("without --scan it scans, %s", async (_, cwd) => {
    const { context, out } = terminal({ cwd: join(root, cwd), json: true });
    expect(await init({ yes: true }, context)).toBe(0);
    expect(JSON.parse(out())).toMatchObject({ written: true, config: file, scanned: join(root, "repos") });
    expect(await names()).toHaveLength(3);
  });

  it("finds nothing, and says where it looked", async () => {
    await mkdir(join(root, "empty"));
    const where = join(root, "empty");
    expect(await faultOf(init({ scan: "empty", yes: true }, terminal().context))).toBe(
      `USAGE: no repos found in ${where}; name their parent with \`--scan\``,
    );
    expect(await faultOf(init({ scan: "nope", yes: true }, terminal().context))).toBe(
      `USAGE: there is no directory ${join(root, "nope")} to scan`,
    );
    expect(await readdir(root)).toEqual(["empty", "repos"]);
  });
});

describe("repos", () => {
  beforeEach(async () => {
    await makeRepos();
    await mkdir(join(root, "etc", "state-syncd"), { recursive: true });
    await writeFile(file, "version: 1\n# mine\nrepos:\n");
  });

  it("add takes name and state file from what is there", async () => {
    const { context, out, err } = terminal({ cwd: join(root, "repos") });
    expect(await reposAdd({ path: "clinic" }, context)).toBe(0);
    expect(await reposAdd({ path: "Karematch/.", groups: ["a"] }, context)).toBe(0);
    expect(await reposAdd({ path: "vault", role: "passive", name: "v" }, context)).toBe(0);
    expect(await names()).toEqual([
      "clinic execution docs/STATE.md",
      "karematch execution STATE.md",
      "v passive STATE.md",
    ]);
    expect(out()).toContain(`Added clinic: ${join(root, "repos", "clinic")}\n`);
    expect(err()).toContain("clinic shares docs/STATE.md");
    expect(await readFile(file, "utf8")).toContain("# mine");
  });

  it("add says that there is no state file yet", async () => {
    const { context, err } = terminal();
    expect(await reposAdd({ path: "repos/vault" }, context)).toBe(0);
    expect(err()).toContain("vault has no STATE.md yet");
  });

  it("add refuses what is registered under whatever path, what is missing, what is a file", async () => {
    const { context } = terminal();
    await reposAdd({ path: "repos/clinic" }, context);
    await symlink("repos/clinic", join(root, "link"));
    const text = await readFile(file, "utf8");
    const clinic = join(root, "repos", "clinic");
    expect(await faultOf(reposAdd({ path: "link", name: "x" }, context))).toBe(
      `REPO_REGISTERED: ${join(root, "link")} is registered already, as clinic (${clinic})`,
    );
    expect(await faultOf(reposAdd({ path: "repos/vault", name: "clinic" }, context))).toMatch(
      /^REPO_EXISTS: there is a repo clinic already/,
    );
    expect(await faultOf(reposAdd({ path: "nope" }, context))).toBe(
      `USAGE: there is no directory ${join(root, "nope")}; name the repo's directory`,
    );
    expect(await faultOf(reposAdd({ path: "repos/Karematch/STATE.md" }, context))).toMatch(
      /STATE\.md is not a directory/,
    );
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("add refuses a directory whose path a config would read otherwise", async () => {
    await mkdir(join(root, "${HOME}"));
    expect(await faultOf(reposAdd({ path: "${HOME}" }, terminal().context))).toMatch(
      /^USAGE: a config cannot name/,
    );
  });

  it("list prints what is registered, and JSON where that is wanted", async () => {
    const { context, out } = terminal();
    await reposAdd({ path: "repos/clinic", groups: ["a", "b"] }, terminal().context);
    await reposAdd({ path: "repos/vault", role: "passive" }, terminal().context);
    expect(await reposList(context)).toBe(0);
    const lines = out().trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/^clinic +execution +\S+\/clinic +shares docs\/STATE\.md; groups a, b$/);
    expect(lines[2]).toMatch(/^vault +passive +\S+\/vault$/);
    const asJson = terminal({ json: true });
    await reposList(asJson.context);
    expect(JSON.parse(asJson.out())).toMatchObject([
      { name: "clinic", groups: ["a", "b"] },
      { name: "vault" },
    ]);
  });

  it("list of none says how to add one, on stderr", async () => {
    const { context, out, err } = terminal();
    expect(await reposList(context)).toBe(0);
    expect(out()).toBe("");
    expect(err()).toContain("repos add");
  });

  it("remove says that the repo's own cache stays", async () => {
    const { context, out, err } = terminal();
    await reposAdd({ path: "repos/clinic" }, terminal().context);
    await mkdir(join(root, "repos", "clinic", ".aibrain"));
    await writeFile(join(root, "repos", "clinic", ".aibrain", "global-state-cache.md"), "x");
    expect(await reposRemove({ name: "clinic" }, context)).toBe(0);
    expect(await names()).toEqual([]);
    expect(out()).toBe(`Removed clinic: ${join(root, "repos", "clinic")}\n`);
    expect(err()).toContain(join(root, "repos", "clinic", ".aibrain", "global-state-cache.md"));
    expect(await faultOf(reposRemove({ name: "clinic" }, context))).toBe(
      'REPO_UNKNOWN: there is no repo "clinic"; no repo is registered',
    );
  });
});

describe("config", () => {
  beforeEach(async () => {
    await mkdir(join(root, "etc", "state-syncd"), { recursive: true });
  });

  it("path prints where it is, even where it is not", async () => {
    const { context, out } = terminal();
    expect(await configPath(context)).toBe(0);
    expect(out()).toBe(`${file}\n`);
  });

  it("check passes a right one and notes what was hardly meant", async () => {
    await writeFile(
      file,
      "version: 1\nrepos:\n  a: { path: /nope/a, groups: [x] }\n  b: { path: /, role: passive }\n",
    );
    const { context, out, err } = terminal();
    expect(await configCheck(context)).toBe(0);
    expect(out()).toBe(`${file} is right: 2 repos, 1 of them passive.\n`);
    expect(err()).toBe(
      "Note: a: there is no directory /nope/a now.\nNote: a shares with no other repo; its groups: x.\n",
    );
  });

  it("check refuses a wrong one with every mistake, as text or as JSON", async () => {
    await writeFile(file, "version: 2\nrescan: 1\n");
    const { context, out } = terminal({ json: true });
    expect((await faultOf(configCheck(terminal().context))).split("\n")).toHaveLength(2);
    expect(await configCheck(context)).toBe(2);
    expect(JSON.parse(out())).toMatchObject({
      valid: false,
      config: file,
      mistakes: [
        { line: 1, column: 10, where: "version" },
        { line: 2, column: 9, where: "rescan" },
      ],
    });
  });

  it("schema prints the JSON Schema", async () => {
    const { context, out } = terminal();
    expect(await configSchema(context)).toBe(0);
    expect(JSON.parse(out())).toEqual(jsonSchema());
  });
});
