import { briefing, type Situation } from "../core/briefing/briefing.ts";
import { news } from "../core/briefing/news.ts";
import { marksOf, type Seen } from "../core/briefing/seen.ts";
import { digestsOf } from "../core/digest/shared.ts";
import { systemCode } from "../errors.ts";
import type { Outlook } from "../status/outlook.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Looked, lookAt } from "./situation.ts";
import { rememberPlace } from "./place.ts";
import type { Answer, Facts, PeerFacts, Question } from "./question.ts";
import { readTold, sessionFiles, type ToldRecord } from "./session.ts";
import { writeTold } from "./session-write.ts";

/** Answers a hook, and remembers what its session has been told. */
export async function answer(question: Question, knowledge: Knowledge): Promise<Answer> {
  const { kind, sessionId, directory, budgets } = question;
  const outlook = await knowledge.outlook(directory);
  if (kind === "print") return await printed(outlook, budgets.all, knowledge);
  const files = sessionId === undefined ? undefined : sessionFiles(knowledge.paths, sessionId);
  const unplaced = await unlessUnwritable(async () => {
    if (files !== undefined) await rememberPlace(files, directory, outlook, knowledge.config);
  });
  if (outlook === undefined || kind === "place") return withRemark(null, unplaced);
  const before = kind === "news" && files !== undefined ? readTold(files, outlook.repo) : undefined;
  if (before === undefined && outlook.peers.length === 0) return withRemark(null, unplaced);
  const looked = await lookAt(outlook, knowledge);
  const { text, shown } =
    before === undefined
      ? briefing(looked.situation, budgets.all)
      : newsSince(before, looked.situation, budgets.news);
  const told = toldOf(looked, (repo) => shown.get(repo) ?? before?.peers[repo]?.shown ?? []);
  const forgotten = await unlessUnwritable(() => {
    if (files !== undefined) writeTold(files, outlook.repo, told);
  });
  // What cannot be remembered would be told with each prompt, all of it.
  return withRemark(kind === "news" && forgotten !== undefined ? null : text, forgotten ?? unplaced);
}

interface Said {
  readonly text: string | null;
  readonly shown: ReadonlyMap<string, readonly string[]>;
}

function newsSince(before: ToldRecord, situation: Situation, budget: number): Said {
  const peers = new Map(Object.entries(before.peers));
  const found = news(situation, { peers, daemonRan: before.daemonRan }, budget);
  return found ?? { text: null, shown: new Map() };
}

function withRemark(text: string | null, remark: string | undefined): Answer {
  return remark === undefined ? { text } : { text, remark };
}

/** What is remembered of a session is not worth its turn. @returns why it could not be written. */
async function unlessUnwritable(write: () => Promise<void> | void): Promise<string | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return `what this session was told cannot be remembered: ${error instanceof Error ? error.message : ""}`;
  }
}

/** What is remembered after an agent was told of a situation. @param shown by peer, the lines that it has read. */
function toldOf(
  { situation: { peers, daemonRuns }, cache }: Looked,
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
