import { access, constants } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { systemCode } from "../errors.ts";
import { ago } from "../core/span.ts";
import { lastFailure } from "../hooks/failure.ts";
import { lookIntoSettings, offWords, type Wired } from "../hooks/settings/look.ts";
import { repoSettings, userSettings } from "../hooks/settings/file.ts";
import { type Check, type Finding, note, problem, warning, type World } from "./finding.ts";

/** Whether what agents call at their events is there, and nothing that it replaces is called beside it. */
export const checkAgentHooks: Check = async (world) => {
  const user = await lookIntoSettings(userSettings(world.home, world.env));
  const found = await checkPrograms(user, "state-syncd hook install");
  found.push(...besides(user, user.own.length > 0), ...broken(user));
  let anyWired = user.own.length > 0;
  for (const repo of reposOf(world)) {
    const here: Wired[] = [];
    for (const scope of ["project", "local"] as const) {
      const file = repoSettings(repo.path, scope);
      // Where the home is a repo, its file is the user's.
      if (file === user.file) continue;
      const wired = await lookIntoSettings(file);
      found.push(...(await checkPrograms(wired, `state-syncd hook install --${scope}`, ` in ${repo.path}`)));
      here.push(wired);
    }
    const isWired = [user, ...here].some(({ own }) => own.length > 0);
    for (const wired of here)
      found.push(...besides(wired, isWired), ...broken(wired), ...switchedOff(wired, isWired));
    anyWired ||= isWired;
  }
  found.push(...switchedOff(user, anyWired));
  found.push(...failures(world));
  return found;
};

/** What failed longer ago has been put right, or comes again. */
const RECENT_MS = 7 * 86_400_000;

function failures({ paths, now }: World): Finding[] {
  const failure = lastFailure(paths);
  if (failure === undefined || now - Date.parse(failure.at) > RECENT_MS) return [];
  const { hook, at, message } = failure;
  return [
    note(
      "hooks",
      `\`hook ${hook}\` said, ${ago(at, now)}: ${message}`,
      "`state-syncd hook print` in that repo shows what an agent is told there.",
    ),
  ];
}

function reposOf({ config }: World): readonly { readonly path: string }[] {
  return (config?.registry.repos ?? []).filter(({ role }) => role === "execution");
}

/** An upgrade may have taken away what a hook runs: the agent says so in a place that nobody reads. */
async function checkPrograms({ file, own }: Wired, again: string, where = ""): Promise<Finding[]> {
  const gone = new Map<string, number>();
  for (const { call, line } of own) {
    const [first = "", ...rest] = call.program;
    for (const path of [first, ...rest].filter((word) => isAbsolute(word))) {
      if (!gone.has(path) && !(await isThere(path))) gone.set(path, line);
    }
  }
  return [...gone].map(([path, line]) =>
    problem(
      "hooks",
      `${file}:${line} runs ${path}, which is not there any more`,
      `Run \`${again}\`${where}.`,
    ),
  );
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

/** The agent leaves the whole file, and says so where hardly anybody looks. */
function broken({ broken: why }: Wired): Finding[] {
  return why === undefined
    ? []
    : [
        problem(
          "hooks",
          `${why.message}: the hooks in it are not called`,
          "Correct the place that is named.",
        ),
      ];
}

function switchedOff(wired: Wired, isWired: boolean): Finding[] {
  if (wired.off === undefined || !isWired) return [];
  return [
    warning(
      "hooks",
      offWords(wired, wired.off),
      "Take it out of the file for agents to be told of their peers.",
    ),
  ];
}

function besides({ file, old }: Wired, isWired: boolean): Finding[] {
  if (!isWired) return [];
  return old
    .filter(({ call }) => call.kind === "checkpoint script")
    .map(({ line }) =>
      note(
        "hooks",
        `${file}:${line} calls the old checkpoint script, beside the hook of state-syncd that counts`,
        "Take that hook out of the file; the script itself may stay.",
      ),
    );
}
