import type { ServerResponse } from "node:http";
import type { z } from "zod";
import { Shared } from "../concurrently.ts";
import {
  briefingRequest,
  pauseRequest,
  pullRequest,
  resumeRequest,
  syncRequest,
} from "../control/protocol.ts";
import type { Answer, Route, Routes } from "../control/respond.ts";
import { FaultError } from "../errors.ts";
import { answer } from "../hooks/answer.ts";
import type { Knowledge } from "../hooks/knowledge.ts";
import type { StatusReport } from "../status/report.ts";
import type { Reconciler } from "../sync/reconciler.ts";
import { cachePath } from "../store/write-scope.ts";
import { realpathOrSame } from "../store/real-path.ts";
import { selectRepos } from "../sync/select.ts";
import type { Metrics } from "./metrics.ts";
import type { Pauses } from "./pauses.ts";
import { pauseRepo, pauseTarget, resumeRepo } from "./pausing.ts";

export interface Api {
  readonly reconciler: Reconciler;
  readonly metrics: Metrics;
  readonly pauses: Pauses;
  /** For a monitor: answered from memory, so that no repo's disk can hold it up. */
  readonly health: () => { readonly ok: boolean };
  readonly status: () => Promise<StatusReport>;
  /** What a coding agent's hook is answered from. */
  readonly knowledge: () => Promise<Knowledge>;
  /** Reads the config again. */
  readonly reload: () => Promise<void>;
  /** Brings the pauses in force. */
  readonly pausesChanged: (repo: string, until: number | undefined, paused: boolean) => void;
  readonly listen: (response: ServerResponse) => void;
}

/** What the control socket answers. */
export function routes(api: Api): Routes {
  const { reconciler, pauses } = api;
  const scrapes = new Shared<Awaited<ReturnType<Metrics["text"]>>>();
  return new Map<string, Route>([
    ["GET /healthz", () => healthz(api.health())],
    ["GET /status", async () => json(await api.status())],
    [
      "GET /metrics",
      async () => ({ status: 200, ...(await scrapes.run("metrics", () => api.metrics.text())) }),
    ],
    ["GET /events", () => ({ stream: api.listen })],
    [
      "POST /sync",
      async (body) => {
        const request = parsed(syncRequest, body);
        await sameConfig(request.config, reconciler);
        return json({
          edges: await reconciler.sync(
            await selectRepos(reconciler.config.registry, request, "sync"),
            request.all !== true,
          ),
        });
      },
    ],
    [
      "POST /pull",
      async (body) => {
        const request = parsed(pullRequest, body);
        await sameConfig(request.config, reconciler);
        const [repo] = await selectRepos(reconciler.config.registry, request, "pull");
        if (repo === undefined) throw new FaultError("USAGE", "name the repo to pull for");
        const edges = await reconciler.pull(repo);
        return json({ cache: cachePath(repo), config: reconciler.config.file, edges });
      },
    ],
    [
      "POST /briefing",
      async (body) => {
        const { config, ...question } = parsed(briefingRequest, body);
        await sameConfig(config, reconciler);
        return json(await answer(question, await api.knowledge()));
      },
    ],
    [
      "POST /reload",
      async () => {
        await api.reload();
        return json({ config: reconciler.config.file, repos: reconciler.config.registry.repos.length });
      },
    ],
    [
      "POST /pause",
      async (body) => {
        const { repo, forMs } = parsed(pauseRequest, body);
        const name = pauseTarget(repo, reconciler.config.registry);
        const paused = await pauseRepo(pauses, name, forMs);
        api.pausesChanged(name, paused.until === null ? undefined : Date.parse(paused.until), true);
        return json(paused);
      },
    ],
    [
      "POST /resume",
      async (body) => {
        const name = pauseTarget(parsed(resumeRequest, body).repo, reconciler.config.registry);
        const resumed = await resumeRepo(pauses, name);
        if (resumed.resumed) api.pausesChanged(name, undefined, false);
        return json(resumed);
      },
    ],
  ]);
}

/** Monitors look at the status alone. */
function healthz(health: { readonly ok: boolean }): Answer {
  return { status: health.ok ? 200 : 503, json: health };
}

function json(value: object): Answer {
  return { status: 200, json: value };
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
  throw new FaultError("USAGE", `the request is not right: ${issues.join("; ")}`);
}

async function sameConfig(config: string | undefined, reconciler: Reconciler): Promise<void> {
  if (config === undefined) return;
  const [asked, ours] = await Promise.all([config, reconciler.config.file].map(realpathOrSame));
  if (asked === ours) return;
  throw new FaultError(
    "DAEMON_OTHER_CONFIG",
    `the daemon runs with ${reconciler.config.file}, not with ${config}`,
  );
}
