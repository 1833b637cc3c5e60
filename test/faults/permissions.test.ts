import { execFileSync } from "node:child_process";
import { chmod, chown, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FaultCode } from "../../src/errors.ts";
import { eventually } from "../support/eventually.ts";
import { endures, HURT, threeRepos } from "../support/fault.ts";
import { isRoot, OrdinaryUser } from "../support/ordinary-user.ts";
import type { Daemon, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let user: OrdinaryUser;
let daemon: Daemon;
beforeEach(async () => {
  workspace = await threeRepos();
  user = new OrdinaryUser(workspace);
  daemon = await user.startDaemon();
  await workspace.healthy();
});
afterEach(async () => {
  await daemon.kill();
  await workspace.dispose();
});

const into = [`x>${HURT}`, `y>${HURT}`];
const from = [`${HURT}>x`, `${HURT}>y`];
const repo = (): string => workspace.repo(HURT);
const directory = (): string => dirname(workspace.cacheFile(HURT));
const cache = (): string => workspace.cacheFile(HURT);
const stateFile = (): string => workspace.stateFile(HURT);

interface Taken {
  readonly what: string;
  readonly code: FaultCode;
  readonly broken: readonly string[];
  readonly take: () => unknown;
  readonly give: () => unknown;
}

const TAKEN: readonly Taken[] = [
  {
    what: "to write in .aibrain",
    code: "CACHE_PERMISSION",
    broken: into,
    take: () => chmod(directory(), 0o500),
    give: () => chmod(directory(), 0o755),
  },
  {
    what: "to enter .aibrain",
    code: "CACHE_PERMISSION",
    broken: into,
    take: () => chmod(directory(), 0o000),
    give: () => chmod(directory(), 0o755),
  },
  {
    what: "to read the cache",
    code: "CACHE_PERMISSION",
    broken: into,
    take: () => chmod(cache(), 0o000),
    give: () => chmod(cache(), 0o600),
  },
  {
    what: "to read the state file",
    code: "STATE_FILE_UNREADABLE",
    broken: from,
    take: () => chmod(stateFile(), 0o000),
    give: () => chmod(stateFile(), 0o644),
  },
  {
    what: "to enter the repo",
    code: "STATE_FILE_UNREADABLE",
    broken: [...into, ...from],
    take: () => chmod(repo(), 0o000),
    give: () => chmod(repo(), 0o755),
  },
  {
    what: "to list the repo, which its watch needs, though not to enter it",
    code: "WATCH_FAILED",
    broken: [],
    take: async () => {
      // A watch that was granted is kept: so the directory is another one.
      execFileSync("cp", ["-a", repo(), `${repo()}-new`]);
      await chmod(`${repo()}-new`, 0o300);
      await rename(repo(), `${repo()}-old`);
      await rename(`${repo()}-new`, repo());
    },
    give: () => chmod(repo(), 0o755),
  },
];

describe("permission taken away and given back", () => {
  it.each(TAKEN.map((taken) => [taken.what, taken] as const))(
    "%s",
    async (what, { code, broken, take, give }) => {
      await endures(workspace, {
        name: `permission taken away: ${what}`,
        code,
        broken,
        cause: take,
        mend: give,
        run: (args) => user.run(args),
      });
    },
  );

  it.runIf(isRoot)("the directory given to somebody else (needs root)", async () => {
    await endures(workspace, {
      name: "permission taken away: .aibrain given to somebody else",
      code: "CACHE_PERMISSION",
      broken: into,
      cause: () => chown(directory(), 0, 0),
      mend: () => chown(directory(), 1000, 1000),
      run: (args) => user.run(args),
    });
  });

  it("to read the config: the last good one stays in force, and an edit meanwhile comes into force after", async () => {
    const { config } = workspace.paths;
    await chmod(config, 0o000);
    const problems = async (): Promise<string[]> =>
      (await workspace.status()).problems.map(({ code }) => code);
    await eventually("status to tell", async () => (await problems()).includes("CONFIG_UNREADABLE"));
    expect((await user.run(["status"])).code).toBe(1);
    const text = await readFile(config, "utf8");
    await writeFile(config, text.replace('"1s"', '"2s"'));
    await workspace.save("x", "goes on\n");
    await workspace.arrives("x", ["y"], "goes on\n");
    await chmod(config, 0o600);
    await workspace.healthy();
    const changes = (await workspace.log()).filter((line) => line["event"] === "config.changed");
    expect(changes).toHaveLength(1);
  });
});
