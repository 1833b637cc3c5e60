import { within } from "../concurrently.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { peersOf, targetsOf } from "../core/registry.ts";
import { fault, FaultError } from "../errors.ts";
import { answer } from "../hooks/answer.ts";
import type { Alone } from "../hooks/consult.ts";
import type { Knowledge } from "../hooks/knowledge.ts";
import type { Question } from "../hooks/question.ts";
import { rulesMark } from "../hooks/rules-mark.ts";
import type { Paths } from "../paths.ts";
import { inspect } from "../status/inspect.ts";
import { outlookAt } from "../status/outlook.ts";
import { loadPauses } from "../daemon/pauses.ts";
import { type FileIdentity, identityAt } from "../store/identity.ts";
import { probeDisks } from "../store/disks.ts";
import { runningDaemon } from "../store/lock.ts";
import type { CommandContext } from "./context.ts";
import { type EdgesDone, handOver } from "./hand-over.ts";
import { edgeResult } from "../sync/edge-result.ts";
import { repoNamed } from "../sync/select.ts";
import { withoutDaemon } from "./without-daemon.ts";

const NO_DAEMON = fault("DAEMON_NOT_RUNNING", "no daemon runs: changes do not travel by themselves");

/** What a hook does itself where no daemon answers, see {@link Alone}. */
export function aloneWith(context: CommandContext): Alone {
  return {
    answer: async (question) => {
      const { paths } = context;
      // Before the reading: what is written meanwhile counts from the next time on.
      const identity = await identityAt(paths.config);
      const config = await configFor(question, paths);
      const knowledge =
        config === undefined ? nothingKnown(paths, identity) : knowledgeBy(config, paths, identity);
      return await answer(question, knowledge);
    },
    push: async (repo) => await push(repo, context),
  };
}

/** Undefined where there is none: an agent of somebody who has not begun yet is to hear nothing. A person is. */
async function configFor({ kind }: Question, { config }: Paths): Promise<Config | undefined> {
  try {
    return await loadConfig(config);
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === "CONFIG_MISSING" && kind !== "print")
      return undefined;
    throw error;
  }
}

function nothingKnown(paths: Paths, identity: FileIdentity | undefined): Knowledge {
  return {
    paths,
    config: { file: paths.config, identity, rules: "" },
    now: () => new Date(),
    inForce: { registry: { repos: [] }, guard: { patterns: {}, allow: [] } },
    outlook: () => Promise.resolve(undefined),
  };
}

function knowledgeBy(config: Config, paths: Paths, identity: FileIdentity | undefined): Knowledge {
  const { registry, maxBytes, guard, file } = config;
  const now = (): Date => new Date();
  return {
    paths,
    config: { file, identity, rules: rulesMark(config) },
    now,
    inForce: config,
    outlook: async (directory) =>
      await outlookAt(directory, registry, async (repo) => {
        await probeDisks([repo, ...peersOf(registry, repo)]);
        const isPaused = await loadPauses(paths.pauseFile);
        return await inspect({
          registry,
          maxBytes,
          guard,
          copiesDirectory: paths.copiesDirectory,
          now: now(),
          into: repo,
          runtime: withoutDaemon({
            config: file,
            pid: null,
            // It was asked, and has not answered.
            running: (await runningDaemon(paths)) !== undefined,
            isPaused,
            problem: NO_DAEMON,
          }),
        });
      }),
  };
}

/** The agent waits; a daemon that cannot be seen from where it works may hold the lock. */
const PUSH_MS = 5_000;

/** Quietly, and only where a peer does not hold the state yet: nobody asked for a new date. */
async function push(repo: string, context: CommandContext): Promise<readonly string[]> {
  try {
    const done = await within(PUSH_MS, pushNow(repo, context));
    if (done === undefined) return [`${repo}'s state was not pushed within ${PUSH_MS / 1_000} s`];
    return [...new Set(done.edges.flatMap(({ fault: why }) => (why === undefined ? [] : [why.message])))];
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return [error.message];
  }
}

async function pushNow(repo: string, context: CommandContext): Promise<EdgesDone> {
  return await handOver(context, {
    path: "/sync",
    body: { repos: [repo] },
    local: async (reconciler) => {
      await reconciler.observe(repo, "request");
      await reconciler.queue.idle();
      const { registry, sources } = reconciler;
      const from = repoNamed(registry, repo);
      const edges = targetsOf(registry, from).map((to) => {
        const turn = { outcomes: new Map(), fault: reconciler.lane(to.name).fault };
        return edgeResult(from, to, { turn, paused: undefined, sourceFault: sources.get(repo)?.fault });
      });
      return { edges };
    },
  });
}
