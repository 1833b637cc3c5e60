import { briefing, type Situation } from "../core/briefing/briefing.ts";
import { news } from "../core/briefing/news.ts";
import { marksOf, type Seen } from "../core/briefing/seen.ts";
import { digestsOf } from "../core/digest/shared.ts";
import type { Outlook } from "../status/outlook.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Looked, lookAt } from "./situation.ts";
import { rememberPlace } from "./place.ts";
import type { Answer, Facts, PeerFacts, Question } from "./question.ts";
import { readTold, type SessionFiles, sessionFiles, type ToldRecord } from "./session.ts";
import { writeTold } from "./session-write.ts";

/** Answers a hook, and remembers what its session has been told. */
export async function answer(question: Question, knowledge: Knowledge): Promise<Answer> {
  const { kind, sessionId, directory, budgets } = question;
  const outlook = await knowledge.outlook(directory);
  const files = sessionId === undefined ? undefined : sessionFiles(knowledge.paths, sessionId);
  if (files !== undefined) await rememberPlace(files, directory, outlook, knowledge.config);
  if (kind === "print") return await printed(outlook, budgets.all, knowledge);
  if (outlook === undefined || kind === "place") return { text: null };
  const told = kind === "news" && files !== undefined ? readTold(files, outlook.repo) : undefined;
  if (told !== undefined && files !== undefined)
    return { text: tellNews(await lookAt(outlook, knowledge), told, files, budgets.news) };
  return {
    text: outlook.peers.length === 0 ? null : tellAll(await lookAt(outlook, knowledge), files, budgets.all),
  };
}

/** One that was told nothing yet, for its session began before the hooks came, or lost what it was told, is told all of it. */
function tellAll({ situation, cache }: Looked, files: SessionFiles | undefined, budget: number): string {
  const { text, shown } = briefing(situation, budget);
  if (files !== undefined)
    writeTold(
      files,
      situation.repo,
      toldOf(situation, cache, (repo) => shown.get(repo) ?? []),
    );
  return text;
}

function tellNews(
  { situation, cache }: Looked,
  told: ToldRecord,
  files: SessionFiles,
  budget: number,
): string | null {
  const peers = new Map(Object.entries(told.peers));
  const found = news(situation, { peers, daemonRan: told.daemonRan }, budget);
  const shown = (repo: string): readonly string[] => found?.shown.get(repo) ?? told.peers[repo]?.shown ?? [];
  writeTold(files, situation.repo, toldOf(situation, cache, shown));
  return found === undefined ? null : found.text;
}

/** What is remembered after an agent was told of a situation. @param shown by peer, the lines that it has read. */
function toldOf(
  { peers, daemonRuns }: Situation,
  cache: string | null,
  shown: (repo: string) => readonly string[],
): ToldRecord {
  const seen = peers.flatMap(({ repo, report }): [string, Seen][] =>
    report === undefined
      ? []
      : [[repo, { sha256: report.sha256, marks: marksOf(report.text), shown: shown(repo) }]],
  );
  return { cache, daemonRan: daemonRuns, peers: Object.fromEntries(seen) };
}

async function printed(outlook: Outlook | undefined, budget: number, knowledge: Knowledge): Promise<Answer> {
  if (outlook === undefined) return { text: null, facts: null };
  const { situation } = await lookAt(outlook, knowledge);
  const text = outlook.peers.length === 0 ? null : briefing(situation, budget).text;
  return { text, facts: factsOf(situation, budget) };
}

function factsOf({ repo, cache, worktree, daemonRuns, peers, now }: Situation, budget: number): Facts {
  const reported = peers.flatMap(({ repo: name, report }) =>
    report === undefined ? [] : [{ repo: name, text: report.text }],
  );
  const texts = digestsOf(reported, budget, [repo, ...peers.map((peer) => peer.repo)]);
  const digests = new Map(reported.map(({ repo: name }, at) => [name, texts[at]]));
  const facts = peers.map(({ repo: name, status, lagMs, trouble, report }): PeerFacts => {
    const { text: digest = "", isWhole = false } = digests.get(name) ?? {};
    const state =
      report === undefined
        ? null
        : {
            sha256: report.sha256,
            changedAt: report.changedAt,
            ageMs: Math.max(0, now - Date.parse(report.changedAt)),
            bytes: report.bytes,
            branch: report.branch ?? null,
            commit: report.commit ?? null,
            digest,
            isWhole,
          };
    return { repo: name, status, lagMs, trouble: trouble ?? null, state };
  });
  return { repo, cache, worktree: worktree ?? null, daemonRuns, peers: facts };
}
