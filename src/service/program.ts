import { FaultError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { VERSION } from "../version.ts";
import { stablePath, waysByPath, waysToNode } from "./stable-path.ts";
import { ask } from "./tool.ts";

/** What the service runs. */
export interface Program {
  /** Absolute, and one that survives an upgrade of node where there is one. */
  readonly node: string;
  /** The installed `state-syncd`, absolute. */
  readonly script: string;
  /** What follows the script. */
  readonly args: readonly string[];
  /** What of the present environment decides where things are. */
  readonly environment: Readonly<Record<string, string>>;
  /** What will end it one day, in words, with the remedy. */
  readonly warnings: readonly string[];
}

export interface ProgramSearch {
  /** `process.execPath`. */
  readonly node: string;
  /** `process.argv[1]`. */
  readonly script: string;
  readonly paths: Pick<Paths, "config" | "configChosen">;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The command that is to be run again when the program has moved. */
  readonly again: string;
}

/** What a service manager gives to its programs is not what a shell has. */
export const CARRIED = ["XDG_CONFIG_HOME", "XDG_STATE_HOME"] as const;

/** Long enough for a cold disk. */
const TRIAL_MS = 20_000;

/**
 * What the service is to run: this very program, by ways that outlive upgrades.
 *
 * @throws FaultError SERVICE_FAILED where it does not run.
 */
export async function findProgram(search: ProgramSearch): Promise<Program> {
  const { env, home, paths } = search;
  const node = await stablePath(search.node, waysToNode(home, env), env);
  const script = await stablePath(search.script, waysByPath("state-syncd", env), env);
  const carried = CARRIED.flatMap((name) => {
    const value = env[name];
    return value?.startsWith("/") === true ? [[name, value]] : [];
  });
  const program = {
    node: node.path,
    script: script.path,
    args: paths.configChosen ? ["run", "--config", paths.config] : ["run"],
    environment: Object.fromEntries(carried),
    warnings: [
      ...(node.stable ? [] : [passing("node", node.path, search.again)]),
      ...(script.stable ? [] : [passing("state-syncd", script.path, search.again)]),
    ],
  };
  await tryOut(program, search.again);
  return program;
}

function passing(what: string, path: string, again: string): string {
  return `${what} is at ${path}, a place that an upgrade or a clean-up removes. Run \`${again}\` again then; \`state-syncd doctor\` tells when.`;
}

/** With the little that a service manager gives to its programs. */
async function tryOut(program: Program, again: string): Promise<void> {
  const { node, script } = program;
  const { code, stdout, stderr } = await ask(node, [script, "--version"], TRIAL_MS);
  if (code === 0 && stdout.trim() === VERSION) return;
  const said = stderr.split("\n")[0] ?? "";
  throw new FaultError(
    "SERVICE_FAILED",
    `\`${node} ${script} --version\` does not run: ${said || `exit code ${code}`}`,
    {
      path: script,
      remedy: `Install state-syncd again (\`npm install -g\`), then run \`${again}\`.`,
    },
  );
}
