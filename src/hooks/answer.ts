import { setImmediate as immediate } from "node:timers/promises";
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
import { confirmTold, readTold, type SessionFiles, sessionFiles, type ToldRecord } from "./session.ts";
import { prepareTold } from "./session-write.ts";

/** Answers a hook, and prepares what is remembered when its session has been told: that is for who tells it. */
export async function answer(question: Question, knowledge: Knowledge): Promise<Answer> {
  const { kind, sessionId, directory, budgets } = question;
  const outlook = await knowledge.outlook(directory);
  if (kind === "print") return await printed(outlook, budgets.all, knowledge);
  const files = sessionId === undefined ? undefined : sessionFiles(knowledge.paths, sessionId);
  const { remark: unplaced } = unlessUnwritable(() => {
    if (files !== undefined) rememberPlace(files, directory, outlook, knowledge.config);
  });
  if (outlook === undefined || kind === "place") return withRemark(null, unplaced);
  const before =
    kind === "news" && files !== undefined ? toldBefore(files, outlook.repo, knowledge) : undefined;
  if (before === undefined && outlook.peers.length === 0) return withRemark(null, unplaced);
  const looked = await lookAt(outlook, knowledge);
  const { text, shown } =
    before === undefined
      ? briefing(looked.situation, budgets.all)
      : newsSince(before, looked.situation, budgets.news);
  if (files === undefined) return withRemark(text, unplaced);
  const told = await toldOf(looked, { before, shown, rules: knowledge.config.rules });
  const { done, remark: forgotten } = unlessUnwritable(() => prepared(files, outlook.repo, told, text));
  // What cannot be remembered would be told with each prompt, all of it.
  const said = kind === "news" && forgotten !== undefined ? null : text;
  const answered = withRemark(said, forgotten ?? unplaced);
  return done === undefined ? answered : { ...answered, told: done };
}

/** Of what was shown by other rules nothing is said again, not even that it is gone: it may be a secret by now. */
function toldBefore(files: SessionFiles, repo: string, { config }: Knowledge): ToldRecord | undefined {
  const told = readTold(files, repo);
  if (told === undefined || told.rules === config.rules) return told;
  const peers = Object.entries(told.peers).map(([name, seen]) => [name, { ...seen, shown: [] }]);
  return { ...told, peers: Object.fromEntries(peers) };
}

/** @returns what is to be confirmed when the text has been heard; nothing where there is no text. */
function prepared(
  files: SessionFiles,
  repo: string,
  told: ToldRecord,
  text: string | null,
): string | undefined {
  const name = prepareTold(files, repo, told);
  if (text !== null) return name;
  confirmTold(files, name);
  return undefined;
}

interface Said {
  readonly text: string | null;
  readonly shown: ReadonlyMap<string, readonly string[]>;
}

function newsSince(before: ToldRecord, situation: Situation, budget: number): Said {
  const peers = new Map(Object.entries(before.peers));
  const found = news(situation, { peers, daemon: before.daemon }, budget);
  return found ?? { text: null, shown: new Map() };
}

function withRemark(text: string | null, remark: string | undefined): Answer {
  return remark === undefined ? { text } : { text, remark };
}

/** What is remembered of a session is not worth its turn. @returns `remark` says why it could not be written. */
function unlessUnwritable<T>(write: () => T): { readonly done?: T; readonly remark?: string } {
  try {
    return { done: write() };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    const why = error instanceof Error ? error.message : "";
    return { remark: `what this session was told cannot be remembered: ${why}` };
  }
}

/** What is remembered after an agent was told of a situation. */
async function toldOf(
  { situation: { peers, daemon }, cache }: Looked,
  { before, shown, rules }: Memory,
): Promise<ToldRecord> {
  const told: [string, Seen][] = [];
  for (const { repo, report } of peers) {
    const known = before?.peers[repo];
    // Where nothing of it is here at the moment, what was told of it stays told.
    if (report === undefined && known !== undefined) told.push([repo, known]);
    if (report === undefined) continue;
    const { sha256, text } = report;
    const isSame = known?.sha256 === sha256;
    const marks = isSame ? known.marks : marksOf(text);
    told.push([repo, { sha256, marks, shown: shown.get(repo) ?? known?.shown ?? [] }]);
    // A megabyte takes a tenth of a second, in which a daemon does nothing else.
    if (!isSame) await immediate();
  }
  return { cache, daemon, rules, peers: Object.fromEntries(told) };
}

interface Memory {
  readonly before: ToldRecord | undefined;
  /** By peer, the lines that the session reads now. */
  readonly shown: ReadonlyMap<string, readonly string[]>;
  readonly rules: string;
}

async function printed(outlook: Outlook | undefined, budget: number, knowledge: Knowledge): Promise<Answer> {
  if (outlook === undefined) return { text: null, facts: null };
  const { situation } = await lookAt(outlook, knowledge);
  const text = outlook.peers.length === 0 ? null : briefing(situation, budget).text;
  return { text, facts: factsOf(situation, budget) };
}

function factsOf({ repo, cache, worktree, daemon, peers, now }: Situation, budget: number): Facts {
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
            isWhole: isWhole && !report.isBeginning,
          };
    return { repo: name, status, lagMs, trouble: trouble ?? null, state };
  });
  return { repo, cache, worktree: worktree ?? null, daemon, peers: facts };
}
