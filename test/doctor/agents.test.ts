import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Workspace } from "../support/workspace.ts";

interface Told {
  readonly about: string;
  readonly level: string;
  readonly message: string;
  readonly remedy: string;
}

let workspace: Workspace;
let home: string;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, still: { role: "passive" } } });
  home = join(workspace.root, "home");
});
afterEach(() => workspace.dispose());

async function told(about: string): Promise<Told[]> {
  const { stdout } = await workspace.run(["doctor", "--json"], { env: { PATH: "/usr/bin:/bin" } });
  const findings: Told[] = JSON.parse(stdout);
  return findings.filter((finding) => finding.about === about);
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const CACHE = ".aibrain/global-state-cache.md";

describe("doctor looks at what agents' instructions import", () => {
  it("a cache that is imported by @ is told, wherever that stands and by whatever path", async () => {
    await put(join(workspace.repo("a"), "CLAUDE.md"), `# a\n\nRead @${CACHE} first.\n`);
    await put(join(workspace.repo("b"), ".claude", "CLAUDE.md"), `@../${CACHE}\n`);
    await put(join(home, ".claude", "CLAUDE.md"), `@${workspace.cacheFile("b")}\n`);
    expect(await told("imports")).toMatchObject([
      { level: "warning", message: expect.stringContaining(`${workspace.repo("a")}/CLAUDE.md:3 imports`) },
      { remedy: expect.stringContaining("`fence: true` in the entry of b ") },
      { message: expect.stringContaining(`${home}/.claude/CLAUDE.md:1 imports`) },
    ]);
  });

  it("a file that is imported itself is looked into, once, though files import each other", async () => {
    const repo = workspace.repo("a");
    await put(join(repo, "CLAUDE.md"), "@AGENTS.md\n@gone.md\n");
    await put(join(repo, "AGENTS.md"), `@CLAUDE.md\n@docs/more.md\n`);
    await put(join(repo, "docs", "more.md"), `@../AGENTS.md\n@../${CACHE}\n`);
    expect(await told("imports")).toMatchObject([
      { message: expect.stringContaining(`${repo}/docs/more.md:2 imports`) },
    ]);
  });

  it("a path that is only named, one in code and a passive repo's are fine", async () => {
    await put(join(workspace.repo("a"), "CLAUDE.md"), `The cache: ${CACHE}, \`@${CACHE}\`\n`);
    await put(join(workspace.repo("b"), "CLAUDE.local.md"), `\`\`\`\n@${CACHE}\n\`\`\`\n`);
    await put(join(workspace.repo("still"), "CLAUDE.md"), `@${CACHE}\n`);
    expect(await told("imports")).toEqual([]);
  });
});

describe("doctor looks at the agents' hooks", () => {
  const user = (): string => join(home, ".claude", "settings.json");
  const settings = (repo: string, name = "settings.json"): string =>
    join(workspace.repo(repo), ".claude", name);
  const hook = (event: string, command: string): string =>
    JSON.stringify({ hooks: { [event]: [{ hooks: [{ type: "command", command }] }] } }, undefined, 2);

  it("finds nothing wrong with what was just installed", async () => {
    await workspace.run(["hook", "install", "--yes"]);
    expect(await readFile(user(), "utf8")).toContain("hook session-start");
    expect(await told("hooks")).toEqual([]);
  });

  it("tells of a node, and of a script, that an upgrade has taken away", async () => {
    const gone = join(workspace.root, "node-20", "bin", "node");
    await put(user(), hook("SessionStart", `${gone} ${process.execPath}/state-syncd.cjs hook session-start`));
    await put(
      settings("a", "settings.local.json"),
      hook("UserPromptSubmit", `'${gone}' /x/state-syncd hook prompt`),
    );
    await put(
      settings("b"),
      hook("UserPromptSubmit", "command -v state-syncd || exit 0; state-syncd hook prompt"),
    );
    expect(await told("hooks")).toMatchObject([
      { level: "error", message: `${user()}:8 runs ${gone}, which is not there any more` },
      { message: expect.stringContaining("/state-syncd.cjs"), remedy: "Run `state-syncd hook install`." },
      {
        message: expect.stringContaining(gone),
        remedy: `Run \`state-syncd hook install --local\` in ${workspace.repo("a")}.`,
      },
      { message: expect.stringContaining("/x/state-syncd") },
    ]);
  });

  it("tells of settings that have our hooks, and that no agent can read", async () => {
    await workspace.run(["hook", "install", "--yes"]);
    await put(user(), `${await readFile(user(), "utf8")} }`);
    await put(settings("a"), "{ broken, and none of ours }");
    expect(await told("hooks")).toMatchObject([
      { level: "error", message: expect.stringMatching(/settings\.json:\d+:\d+: not valid JSON/) },
    ]);
  });

  it("tells of settings that switch off the hooks which stand there, and not where none of ours does", async () => {
    const off = '{ "disableAllHooks": true, "hooks": {} }';
    await put(settings("a"), off);
    expect(await told("hooks")).toEqual([]);
    await put(user(), off);
    await workspace.run(["hook", "install", "--yes"]);
    await put(settings("a"), "{}");
    expect(await told("hooks")).toMatchObject([
      { level: "warning", message: expect.stringContaining(`${user()}:1 has \`disableAllHooks\``) },
    ]);
  });

  it("notes the old checkpoint script where it is called beside ours, and not where it is alone", async () => {
    await put(settings("a"), hook("PostToolUse", "bash .claude/hooks/checkpoint_reminder.sh"));
    expect(await told("hooks")).toEqual([]);
    await workspace.run(["hook", "install", "--yes"]);
    expect(await told("hooks")).toMatchObject([
      {
        level: "note",
        message: expect.stringContaining(`${settings("a")}:8 calls the old checkpoint script`),
      },
    ]);
  });

  it("is held up by no settings that cannot be read", async () => {
    await put(user(), '{"hooks": ');
    await mkdir(settings("a"), { recursive: true });
    await mkdir(dirname(settings("b")), { recursive: true });
    await symlink("nowhere", settings("b"));
    expect(await told("hooks")).toEqual([]);
  });
});
