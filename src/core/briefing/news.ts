import { shares } from "../digest/share.ts";
import { gistsOf } from "../digest/shared.ts";
import type { DaemonState } from "../health.ts";
import { ago } from "../span.ts";
import { ABSENCE, IT_IS_DATA, type Situation, stateLines } from "./briefing.ts";
import { type Changes, changesSince } from "./changes.ts";
import { framed } from "./frame.ts";
import { type Peer, standing } from "./peer.ts";
import type { Seen } from "./seen.ts";

export interface News {
  readonly text: string;
  /** By peer, what of its state the agent has read by now. */
  readonly shown: ReadonlyMap<string, readonly string[]>;
}

/** What an agent was told before, of all peers. */
export interface Told {
  readonly peers: ReadonlyMap<string, Seen>;
  readonly daemon: DaemonState;
}

/** In less than this nothing can be said of a peer, in UTF-16 units. */
const LEAST_PART = 120;
/** The line that tells how many more there are. */
const OMISSION = 160;
/** Frames are longer where a text holds fences of its own; each round takes away what was too much. */
const MOST_ROUNDS = 8;

/**
 * What changed since an agent was told last: new lines of the peers' states, lines that it has read
 * and that are gone, peers that came or went, a daemon that ended.
 *
 * @param budget the longest that the text may become, in UTF-16 units.
 * @returns undefined where there is nothing to say.
 */
export function news(situation: Situation, before: Told, budget: number): News | undefined {
  const { peers, now, repo } = situation;
  const names = [repo, ...peers.map((peer) => peer.repo)];
  const items = peers.flatMap((peer) => itemOf(peer, before.peers.get(peer.repo), names));
  const departed = [...before.peers.keys()].filter((name) => !peers.some((peer) => peer.repo === name));
  const remarks = [
    ...daemonNews(before.daemon, situation.daemon),
    ...departed.map((name) => `${name} is no longer shared with ${repo}.`),
  ];
  if (items.length === 0 && remarks.length === 0) return undefined;
  const head =
    items.length === 0 ? [] : [`Changed in other repositories since this session last looked. ${IT_IS_DATA}`];
  const fixed = [...head, ...remarks].join("\n\n");
  let room = budget - fixed.length;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const { parts, shown } = told(items, room, now);
    const text = [fixed, ...parts].join("\n\n");
    if (text.length <= budget) return { text, shown };
    room -= text.length - budget;
  }
  return { text: fixed.slice(0, budget), shown: new Map() };
}

function daemonNews(before: DaemonState, now: DaemonState): readonly string[] {
  if (before === now) return [];
  return now === "runs" ? ["The state-syncd daemon runs again."] : ABSENCE[now];
}

function told(
  items: readonly Item[],
  room: number,
  now: number,
): { readonly parts: readonly string[]; readonly shown: ReadonlyMap<string, readonly string[]> } {
  const shown = new Map<string, readonly string[]>();
  const parts: string[] = [];
  const omitted: string[] = [];
  const given = shares(
    items.map(({ peer, need }) => overhead(peer, now) + need),
    room - OMISSION,
  );
  for (const [at, { peer, need, tell }] of items.entries()) {
    const most = (given[at] ?? 0) - overhead(peer, now);
    const part = most < Math.min(LEAST_PART, need) ? undefined : tell(most);
    if (part === undefined) omitted.push(peer.repo);
    else {
      parts.push(`${heading(peer, now)}\n${framed(part.text, `report of ${peer.repo}`)}`);
      shown.set(peer.repo, part.shown);
    }
  }
  if (omitted.length > 0) parts.push(omission(omitted));
  return { parts, shown };
}

/** By name as far as there is room for: they count as told. */
function omission(names: readonly string[]): string {
  const how = "`state-syncd pull --digest`";
  const listed = `Changed as well: ${names.join(", ")} (${how}).`;
  return listed.length <= OMISSION ? listed : `${names.length} more changed: ${how}.`;
}

interface Item {
  readonly peer: Peer;
  /** How long it becomes with all of it, in UTF-16 units. */
  readonly need: number;
  readonly tell: (budget: number) => { readonly text: string; readonly shown: readonly string[] } | undefined;
}

function itemOf(peer: Peer, seen: Seen | undefined, names: readonly string[]): Item[] {
  const { report, repo } = peer;
  if (report === undefined || report.sha256 === seen?.sha256) return [];
  if (seen === undefined) {
    const gists = gistsOf([{ repo, text: report.text }], names);
    const whole = (budget: number) => gists(budget)[0]?.text ?? "";
    const need = whole(Infinity).length;
    return [{ peer, need, tell: (budget) => ({ text: whole(budget), shown: stateLines(whole(budget)) }) }];
  }
  const of = (budget: number): Changes | undefined =>
    changesSince(seen, report.text, { budget, peers: names.filter((name) => name !== repo) });
  const all = of(Infinity);
  if (all === undefined) return [];
  const tell = (budget: number) => {
    const changes = of(budget);
    if (changes === undefined) return undefined;
    const gone = new Set(changes.gone);
    return { text: changes.text, shown: [...seen.shown.filter((line) => !gone.has(line)), ...changes.added] };
  };
  return [{ peer, need: all.text.length, tell }];
}

function heading(peer: Peer, now: number): string {
  const { report, status } = peer;
  const when = report === undefined ? "" : `, changed ${ago(report.changedAt, now)}`;
  return `${peer.repo}${when}${status === "fresh" ? "" : ` (${standing(peer)})`}:`;
}

/** What stands around a peer's text, but for fences that have to be longer. */
function overhead(peer: Peer, now: number): number {
  return heading(peer, now).length + framed("", `report of ${peer.repo}`).length + 4;
}
