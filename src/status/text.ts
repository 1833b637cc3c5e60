import { styleText } from "node:util";
import Table from "cli-table3";
import ms from "ms";
import type { EdgeStatus } from "../core/health.ts";
import { describeSecrets } from "../sync/clearance.ts";
import { visible } from "../visible.ts";
import type { EdgeReport, RepoStatus, StatusReport } from "./report.ts";

/** The newest are the ones that somebody may still miss. */
const MOST_LATE_EDITS = 3;

export interface TextOptions {
  /** Milliseconds since the epoch; ages are counted from it. */
  readonly now: number;
  readonly colour: boolean;
}

type Colour = "green" | "yellow" | "red" | "dim" | "bold";
type Paint = (colour: Colour, text: string) => string;

const MEANING: Readonly<Record<EdgeStatus, string>> = {
  fresh: "the peer holds what the file says now",
  stale: "the peer holds an older state",
  missing: "the peer holds no state of this repo",
  damaged: "the peer's section was altered",
  held: "the file waits; the peer keeps what it has",
  blocked: "the file is refused as it is",
  failed: "the file or the cache cannot be read or written",
};

const STATUSES = ["fresh", "stale", "missing", "held", "damaged", "blocked", "failed"] as const;
/** Of what is not fresh. */
const MOST_LINES = 20;

const COLOUR_OF: Readonly<Record<EdgeStatus, Colour>> = {
  fresh: "green",
  stale: "yellow",
  missing: "yellow",
  held: "yellow",
  damaged: "red",
  blocked: "red",
  failed: "red",
};

/** A report for a person, problems first, without a newline at the end. */
export function statusText(report: StatusReport, options: TextOptions): string {
  const paint: Paint = (colour, text) => (options.colour ? styleText(colour, text) : text);
  const blocks = [
    headline(report, options, paint),
    problems(report, paint),
    repoTable(report, options, paint),
  ];
  blocks.push(guarded(report));
  blocks.push(unfreshEdges(report, options, paint), copies(report), legend(report, paint));
  return blocks.filter((block) => block !== "").join("\n\n");
}

function headline(report: StatusReport, options: TextOptions, paint: Paint): string {
  const { daemon, latency } = report;
  const colour = { healthy: "green", degraded: "yellow", down: "red" } as const;
  const fresh = report.edges.filter((edge) => edge.status === "fresh").length;
  const running = daemon.running
    ? `daemon ${daemon.pid ?? "?"} (${daemon.version})${daemon.startedAt === null ? "" : `, up ${age(daemon.startedAt, options.now)}`}`
    : "no daemon";
  const lines = [
    `${paint(colour[report.status], report.status)}: ${fresh} of ${report.edges.length} edges fresh, ${running}`,
    paint("dim", `config ${visible(daemon.config)}`),
  ];
  if (daemon.provenAt !== null && daemon.provenLagMs !== null) {
    const when = age(daemon.provenAt, options.now);
    lines.push(
      paint("dim", `proved itself ${when} ago: a save of its own came through in ${ms(daemon.provenLagMs)}`),
    );
  }
  if (latency.count > 0) {
    const [median, most] = [ms(latency.p50Ms), ms(latency.p99Ms)];
    lines.push(
      paint(
        "dim",
        `save to peer: ${median} in the middle, ${most} at the 99th of 100 (${latency.count} so far)`,
      ),
    );
  }
  return lines.join("\n");
}

function problems(report: StatusReport, paint: Paint): string {
  return report.problems
    .map(({ code, message, remedy }) => `${paint("red", code)} ${visible(message)}\n  ${visible(remedy)}`)
    .join("\n");
}

function repoTable(report: StatusReport, options: TextOptions, paint: Paint): string {
  if (report.repos.length === 0) return "No repos are registered. Add one: state-syncd repos add <path>";
  const rows = report.repos.map((repo) => [
    repo.name,
    repo.role === "passive" ? paint("dim", "passive") : stateFile(repo, options),
    repo.paused ? paint("yellow", "paused") : watch(repo, paint),
    summary(
      report.edges.filter((edge) => edge.from === repo.name),
      paint,
    ),
    summary(
      report.edges.filter((edge) => edge.to === repo.name),
      paint,
    ),
  ]);
  const heads = ["repo", "state file", "watched by", "in its peers", "in its cache"].map((head) =>
    paint("dim", head),
  );
  return table([heads, ...rows]);
}

/** What peers get otherwise than it is written, and where it stands: never what it was. */
function guarded(report: StatusReport): string {
  return report.repos
    .flatMap(({ name, guard }) => {
      const found = describeGuard(guard);
      return found === undefined ? [] : [`guard: ${name} has ${visible(found)}`];
    })
    .join("\n");
}

/** What was found in a state file, in words; undefined where nothing was. */
export function describeGuard(guard: RepoStatus["guard"]): string | undefined {
  const found: string[] = [];
  const { secretCount, hidden } = guard;
  if (secretCount > 0) found.push(`${describeSecrets(guard)}, kept from the peers`);
  if (hidden > 0) found.push(`${hidden} hidden place${hidden === 1 ? "" : "s"}, made visible to the peers`);
  return found.length === 0 ? undefined : found.join("; ");
}

function stateFile(repo: RepoStatus, options: TextOptions): string {
  const { exists, bytes, changedAt } = repo.stateFile;
  if (!exists || changedAt === null) return "none readable";
  return `${bytes.toLocaleString("en-US")} B, ${age(changedAt, options.now)} old`;
}

function watch(repo: RepoStatus, paint: Paint): string {
  if (repo.watch === "events") return "events";
  if (repo.watch === "off") return paint("dim", "-");
  return paint("yellow", repo.watch === "polling" ? "polling" : "rescan only");
}

/** `3 fresh, 1 stale`, in the order in which the words are explained. */
function summary(edges: readonly EdgeReport[], paint: Paint): string {
  if (edges.length === 0) return paint("dim", "-");
  return STATUSES.flatMap((status) => {
    const count = edges.filter((edge) => edge.status === status).length;
    return count === 0 ? [] : [paint(COLOUR_OF[status], `${count} ${status}`)];
  }).join(", ");
}

/** Edges of one repo that suffer from the same are one line. */
function unfreshEdges(report: StatusReport, options: TextOptions, paint: Paint): string {
  const groups = new Map<string, EdgeReport[]>();
  for (const edge of report.edges) {
    if (edge.status === "fresh") continue;
    const key = `${edge.from} ${edge.status} ${edge.error?.code ?? ""}`;
    groups.set(key, [...(groups.get(key) ?? []), edge]);
  }
  if (groups.size === 0) return "";
  const all = [...groups.values()];
  const rows = all
    .slice(0, MOST_LINES)
    .flatMap(([edge, ...others]) =>
      edge === undefined ? [] : [unfreshRow(edge, others.length, options, paint)],
    );
  const more =
    all.length > MOST_LINES ? `\n... and ${all.length - MOST_LINES} more: state-syncd status --json` : "";
  return table(rows) + more;
}

function unfreshRow(edge: EdgeReport, others: number, options: TextOptions, paint: Paint): string[] {
  const code = edge.error?.code ?? "";
  // Of a cache that cannot be read nobody knows what it holds.
  const unknown = edge.syncedAt === null && (code.startsWith("CACHE_") || code === "REPO_MISSING");
  const synced = edge.syncedAt === null ? "never synced" : `synced ${age(edge.syncedAt, options.now)} ago`;
  return [
    `${edge.from} -> ${others === 0 ? edge.to : `${others + 1} peers`}`,
    paint(COLOUR_OF[edge.status], edge.status),
    edge.lagMs > 0 ? `behind for ${ms(edge.lagMs)}` : "",
    unknown ? "" : synced,
    code,
  ];
}

function copies(report: StatusReport): string {
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
  return [...adopted, ...late.slice(-MOST_LATE_EDITS)].join("\n");
}

/** Only the words that stand above. */
function legend(report: StatusReport, paint: Paint): string {
  const present = new Set(report.edges.map((edge) => edge.status).filter((status) => status !== "fresh"));
  return [...present].map((status) => paint("dim", `${status}: ${MEANING[status]}`)).join("\n");
}

function table(rows: readonly (readonly string[])[]): string {
  const plain = new Table({
    chars: Object.fromEntries(BORDERS.map((border) => [border, ""])),
    style: { "padding-left": 0, "padding-right": 2, compact: true },
  });
  plain.push(...rows.map((row) => [...row]));
  return plain
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const BORDERS = (
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right " +
  "left left-mid mid mid-mid right right-mid middle"
).split(" ");

function age(iso: string, now: number): string {
  return ms(Math.max(0, now - Date.parse(iso)));
}
