import { styleText } from "node:util";
import type { EdgeStatus } from "../core/health.ts";
import { fault, type Fault } from "../errors.ts";
import { visible } from "../visible.ts";
import { type Block, fitted, type Item, linesOf } from "./blocks.ts";
import { describeGuard } from "./guard-words.ts";
import { wrap } from "./layout.ts";
import type { Look, TextOptions } from "./look.ts";
import { repoTable, stateOf, STATUSES } from "./repo-table.ts";
import type { EdgeReport, StatusReport } from "./report.ts";
import { ago, span } from "../core/span.ts";

/** The newest are the ones that somebody may still miss. */
const MOST_LATE_EDITS = 3;
/** Of what is not fresh, and has no fault that is told. */
const MOST_BEHIND = 20;
const MOST_PEERS = 3;

const MEANING: Readonly<Record<EdgeStatus | "paused" | "passive", string>> = {
  fresh: "its peers hold what the file says now",
  stale: "a peer holds an older state",
  missing: "a peer holds no state of this repo",
  damaged: "a peer's section was altered",
  held: "the file waits; the peers keep what they have",
  blocked: "the file is refused as it is",
  failed: "the file or the cache cannot be read or written",
  paused: "neither read nor written",
  passive: "never read, never written",
};

/** A report for a person, problems first, without a newline at the end. */
export function statusText(report: StatusReport, options: TextOptions): string {
  return linesOf(statusBlocks(report, options)).join("\n");
}

/** As much of a report as a terminal of so many rows holds. */
export function statusLines(report: StatusReport, options: TextOptions, rows: number): string[] {
  return fitted(statusBlocks(report, options), rows);
}

function statusBlocks(report: StatusReport, options: TextOptions): Block[] {
  const paint: Look["paint"] = (colour, text) => (options.colour ? styleText(colour, text) : text);
  const look: Look = { ...options, paint };
  const repos: Block =
    report.repos.length > 0
      ? repoTable(report, look)
      : said(["No repos are registered. Add one: state-syncd repos add <path>"], look);
  return [
    headline(report, look),
    problems(report, look),
    repos,
    behind(report, look),
    guarded(report, look),
    copies(report, look),
    legend(report, look),
  ];
}

function headline(report: StatusReport, look: Look): Block {
  const { daemon, latency, status } = report;
  const count = told(report).length;
  const colour = { healthy: "green", degraded: "yellow", down: "red" } as const;
  const fresh = report.edges.filter((edge) => edge.status === "fresh").length;
  const up = daemon.startedAt === null ? "" : ` up ${span(look.now - Date.parse(daemon.startedAt))}`;
  const parts = [
    `${status}: ${fresh} of ${report.edges.length} edges fresh`,
    count === 0 ? "" : `${count} problem${count === 1 ? "" : "s"}`,
    daemon.running ? `daemon ${daemon.pid ?? "?"} (${daemon.version})${up}` : "no daemon",
  ];
  const line = parts.filter((part) => part !== "").join(", ");
  const [first = "", ...rest] = wrap(line, look.columns, "  ");
  const lines = [look.paint(colour[status], status) + first.slice(status.length), ...rest];
  const more = [
    latency.count === 0 ? "" : reach(latency),
    daemon.provenAt === null ? "" : `proved itself ${ago(daemon.provenAt, look.now)}`,
    // Where all is well nobody asks which one it was.
    status === "healthy" ? "" : `config ${visible(daemon.config)}`,
  ].filter((part) => part !== "");
  if (more.length > 0)
    lines.push(...wrap(more.join("; "), look.columns).map((text) => look.paint("dim", text)));
  return { items: [{ lines, matters: true }], least: 1 };
}

/** The problems as they are shown, and counted. */
function told({ problems: found, repos }: StatusReport): Fault[] {
  const paused = found.filter(({ code }) => code === "PAUSED");
  const others = found.filter(({ code }) => code !== "PAUSED");
  return paused.length < 2 ? [...others, ...paused] : [...others, pausedTogether(paused, repos)];
}

function problems(report: StatusReport, look: Look): Block {
  const items = told(report).map(({ code, message, remedy }): Item => {
    const [first = "", ...rest] = wrap(`${code} ${visible(message)}`, look.columns, "  ");
    const cure = wrap(visible(remedy), look.columns, "  ", "  ");
    return { lines: [look.paint("red", code) + first.slice(code.length), ...rest, ...cure] };
  });
  return { items, noun: "problem", least: 1 };
}

/** Whoever pauses everything does not want to be told of it once for each repo. */
function pausedTogether(paused: readonly Fault[], repos: StatusReport["repos"]): Fault {
  const names = paused.flatMap(({ repo }) => (repo === undefined ? [] : [repo]));
  const all = repos.every(({ role, paused: is }) => is || role === "passive");
  return fault("PAUSED", `${all ? "all repos" : names.join(", ")} are paused`);
}

/** Edges without a fault of their own that is told above: those of one repo that are alike are one line. */
function behind(report: StatusReport, look: Look): Block {
  const groups = new Map<string, EdgeReport[]>();
  for (const edge of report.edges) {
    if (edge.status === "fresh" || edge.error !== null) continue;
    const key = `${edge.from} ${edge.status}`;
    groups.set(key, [...(groups.get(key) ?? []), edge]);
  }
  const lines = [...groups.values()].flatMap((edges) => behindLine(edges, look));
  const more = lines.length - MOST_BEHIND;
  const shown = lines.slice(0, MOST_BEHIND);
  return said(more > 0 ? [...shown, `... ${more} more: state-syncd status --json`] : shown, look);
}

function behindLine(edges: readonly EdgeReport[], { now }: Look): string[] {
  const [edge] = edges;
  if (edge === undefined) return [];
  const named = edges.slice(0, MOST_PEERS).map(({ to }) => to);
  const more = edges.length - named.length;
  const to = named.join(", ") + (more > 0 ? ` and ${more} more` : "");
  const length = edge.lagMs > 0 ? ` for ${span(edge.lagMs)}` : "";
  const synced = edge.syncedAt === null ? "never synced" : `synced ${ago(edge.syncedAt, now)}`;
  return [`${edge.from} -> ${to}: ${edge.status}${length}, ${synced}`];
}

/** Of a few saves a hundredth is no part. */
const MANY = 100;

function reach({ p50Ms, p99Ms, count }: StatusReport["latency"]): string {
  const most = count >= MANY ? `, 99 of 100 within ${span(p99Ms)}` : "";
  return `a save reaches a peer in ${span(p50Ms)}${most}`;
}

/** What peers get otherwise than it is written, and where it stands: never what it was. */
function guarded(report: StatusReport, look: Look): Block {
  const found = report.repos.flatMap(({ name, guard }) => {
    const words = describeGuard(guard);
    return words === undefined ? [] : [`guard: ${name} has ${visible(words)}`];
  });
  return said(found, look);
}

function copies(report: StatusReport, look: Look): Block {
  const adopted = report.copies
    .filter((copy) => copy.reason === "adopted")
    .map(
      (copy) =>
        `${copy.repo}'s old cache was adopted. As it was before (delete it when you are content): ${visible(copy.path)}`,
    );
  const late = report.copies
    .filter((copy) => copy.reason === "late-edit")
    .map(
      (copy) =>
        `an edit of ${copy.repo}'s cache met a sync; look whether all of it is there: ${visible(copy.path)}`,
    );
  return said([...adopted, ...late.slice(-MOST_LATE_EDITS)], look);
}

/** Only the words that stand above. */
function legend(report: StatusReport, look: Look): Block {
  const present = new Set<string>(report.repos.map((repo) => stateOf(repo, report.edges)));
  for (const { status } of report.edges) present.add(status);
  const words = STATUSES.filter((status) => status !== "fresh" && present.has(status));
  const lines = words.map((word) => `${word}: ${MEANING[word]}`);
  return said(lines, look, (text) => look.paint("dim", text));
}

function said(texts: readonly string[], { columns }: Look, paint = (text: string): string => text): Block {
  return { items: texts.map((text) => ({ lines: wrap(text, columns, "  ").map(paint) })) };
}
