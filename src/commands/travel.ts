import type { Fact } from "../control/listen.ts";
import { RESERVED_PREFIX } from "../core/registry.ts";
import { EVENTS } from "../log/events.ts";
import { columnsOf } from "../status/layout.ts";
import { span } from "../core/span.ts";
import { visible } from "../visible.ts";

/** What is told by what follows from it. */
const SILENT: ReadonlySet<string> = new Set(["state.changed", "daemon.ready"]);
const MOST_KEPT = 50;
const MOST_PEERS = 3;
/** What one save brings to its peers arrives within this. */
const TOGETHER_MS = 1_000;

interface Line {
  /** ISO 8601, of the first. */
  readonly time: string;
  readonly text: string;
  /** Where it is a state that arrives: whose, where, and how long the slowest took. */
  readonly travel?: { readonly from: string; readonly to: readonly string[]; readonly lagMs: number };
}

/** The last things that happened, in lines for somebody who looks on: `12:03:04 payments -> web  12 ms`. */
export class Travellers {
  #lines: readonly Line[] = [];

  /** @returns false for what is none of theirs. */
  add(fact: Fact): boolean {
    const { event, repo, cache, lagMs, code } = fact;
    if (SILENT.has(event) || !isKnown(event)) return false;
    const { level, says } = EVENTS[event];
    if (level === "trace" || level === "debug") return false;
    const [from, to] = [text(repo), text(cache)];
    // The daemon proves itself with files of its own.
    if ([from, to].some((name) => name.startsWith(RESERVED_PREFIX))) return false;
    if (event === "section.written") {
      this.#arrived(fact.time, from, to, typeof lagMs === "number" ? lagMs : 0);
      return true;
    }
    const whose = from || to;
    const why = typeof code === "string" ? `: ${code}` : "";
    this.#push({ time: fact.time, text: `${whose === "" ? "" : `${whose}: `}${says}${why}` });
    return true;
  }

  tell(what: string): void {
    this.#push({ time: new Date().toISOString(), text: what });
  }

  /** The newest, the last of them last. */
  last(count: number, columns: number): string[] {
    return this.#lines.slice(-Math.max(1, count)).map((line) => {
      const [long, short] = told(line).map((words) => visible(`${timeOfDay(line.time)} ${words}`));
      return long !== undefined && columnsOf(long) <= columns ? long : (short ?? "");
    });
  }

  #arrived(time: string, from: string, to: string, lagMs: number): void {
    const last = this.#lines.at(-1);
    const together =
      last?.travel?.from === from &&
      !last.travel.to.includes(to) &&
      Date.parse(time) - Date.parse(last.time) < TOGETHER_MS;
    if (last?.travel === undefined || !together) {
      this.#push({ time, text: "", travel: { from, to: [to], lagMs } });
      return;
    }
    const travel = { from, to: [...last.travel.to, to], lagMs: Math.max(last.travel.lagMs, lagMs) };
    this.#lines = [...this.#lines.slice(0, -1), { ...last, travel }];
  }

  #push(line: Line): void {
    this.#lines = [...this.#lines, line].slice(-MOST_KEPT);
  }
}

/** With the names of the first peers, and without where that is too long. */
function told({ text, travel }: Line): readonly [string, string] {
  if (travel === undefined) return [text, text];
  const { from, to, lagMs } = travel;
  const more = to.length - MOST_PEERS;
  const names = to.slice(0, MOST_PEERS).join(", ") + (more > 0 ? ` and ${more} more` : "");
  const peers = to.length === 1 ? names : `${to.length} peers`;
  const took = lagMs > 0 ? `  ${span(lagMs)}` : "";
  return [`${from} -> ${names}${took}`, `${from} -> ${peers}${took}`];
}

function timeOfDay(iso: string): string {
  const date = new Date(iso);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => `${part}`.padStart(2, "0")).join(":");
}

function isKnown(event: string): event is keyof typeof EVENTS {
  return Object.hasOwn(EVENTS, event);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
