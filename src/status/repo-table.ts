import type { EdgeStatus } from "../core/health.ts";
import type { Block, Item } from "./blocks.ts";
import { type Cell, table } from "./layout.ts";
import type { EdgeReport, RepoStatus, StatusReport } from "./report.ts";
import { ago, pausedUntil, span } from "../core/span.ts";
import type { Colour, Look } from "./look.ts";

/** From the best news to the worst. */
export const STATUSES = ["fresh", "stale", "missing", "held", "damaged", "blocked", "failed"] as const;

const COLOUR_OF: Readonly<Record<EdgeStatus, Colour>> = {
  fresh: "green",
  stale: "yellow",
  missing: "yellow",
  held: "yellow",
  damaged: "red",
  blocked: "red",
  failed: "red",
};

/** How a repo itself is, whatever its peers may suffer from. */
export function stateOf(repo: RepoStatus, edges: readonly EdgeReport[]): EdgeStatus | "passive" | "paused" {
  if (repo.role === "passive") return "passive";
  if (repo.paused) return "paused";
  return worst(edges.filter((edge) => isOwn(edge, repo.name)));
}

/** Of a peer's trouble a repo is the victim. */
function isOwn({ from, to, error }: EdgeReport, name: string): boolean {
  if (error?.repo === undefined) return from === name;
  return error.repo === name && (from === name || to === name);
}

function worst(edges: readonly EdgeReport[]): EdgeStatus {
  const at = Math.max(0, ...edges.map(({ status }) => STATUSES.indexOf(status)));
  return STATUSES[at] ?? "fresh";
}

/** A line for each repo, those in trouble marked as what must be seen. */
export function repoTable(report: StatusReport, look: Look): Block {
  const heads = ["repo", "state", "saved", "in peers", "in cache", ""];
  const dim = (text: string): string => look.paint("dim", text);
  const rows = report.repos.map((repo) => row(repo, report.edges, look));
  const [head = "", ...lines] = table([heads.map((text) => ({ text, paint: dim })), ...rows], look.columns);
  const items = lines.map((line, at): Item => {
    const repo = report.repos[at];
    const state = repo === undefined ? "fresh" : stateOf(repo, report.edges);
    return { lines: [line], matters: state !== "fresh" && state !== "passive" };
  });
  return { head, items, noun: "repo", least: 1 };
}

function row(repo: RepoStatus, edges: readonly EdgeReport[], look: Look): Cell[] {
  const state = stateOf(repo, edges);
  const colour = state === "passive" ? "dim" : state === "paused" ? "yellow" : COLOUR_OF[state];
  const cells: Cell[] = [{ text: repo.name }, { text: state, paint: (text) => look.paint(colour, text) }];
  if (state === "passive") return cells;
  return [
    ...cells,
    { text: repo.stateFile.changedAt === null ? "-" : ago(repo.stateFile.changedAt, look.now) },
    freshOf(
      edges.filter(({ from }) => from === repo.name),
      look,
    ),
    freshOf(
      edges.filter(({ to }) => to === repo.name),
      look,
    ),
    { text: note(repo, edges, look), paint: (text) => look.paint("yellow", text) },
  ];
}

/** `10 of 11`, in the colour of the worst of them. */
function freshOf(edges: readonly EdgeReport[], { paint }: Look): Cell {
  if (edges.length === 0) return { text: "-", paint: (text) => paint("dim", text) };
  const fresh = edges.filter(({ status }) => status === "fresh").length;
  return { text: `${fresh} of ${edges.length}`, paint: (text) => paint(COLOUR_OF[worst(edges)], text) };
}

/** What there is to say of a repo, in some words; its problems are told in full above. */
function note(repo: RepoStatus, edges: readonly EdgeReport[], look: Look): string {
  const own = edges.filter((edge) => edge.status !== "fresh" && isOwn(edge, repo.name));
  const behind = Math.max(0, ...own.map(({ error, lagMs }) => (error === null ? lagMs : 0)));
  const codes = own.flatMap(({ error }) => (error === null || error.code === "PAUSED" ? [] : [error.code]));
  return [
    repo.paused ? pausedUntil(look.pausedUntil?.(repo.name), look.now) : "",
    ...new Set(codes),
    behind > 0 && !repo.paused ? `behind for ${span(behind)}` : "",
    repo.watch === "polling" ? "polled" : repo.watch === "lost" ? "found by rescan only" : "",
  ]
    .filter((words) => words !== "")
    .join(", ");
}
