import type { Fact } from "../control/listen.ts";
import { RESERVED_PREFIX } from "../core/registry.ts";
import { EVENTS } from "../log/events.ts";
import { span } from "../status/span.ts";
import { visible } from "../visible.ts";

/** What is told by what follows from it. */
const SILENT: ReadonlySet<string> = new Set(["state.changed", "daemon.ready"]);

/** A fact as a line for somebody who looks on: `12:03:04 payments -> web  12 ms`; undefined where it is none of theirs. */
export function travelLine(fact: Fact): string | undefined {
  const { event, repo, cache, lagMs, code } = fact;
  if (SILENT.has(event) || !isKnown(event)) return undefined;
  const { level, says } = EVENTS[event];
  if (level === "trace" || level === "debug") return undefined;
  // The daemon proves itself with files of its own.
  if ([repo, cache].some((name) => typeof name === "string" && name.startsWith(RESERVED_PREFIX)))
    return undefined;
  const time = timeOfDay(fact.time);
  if (event === "section.written") {
    const took = typeof lagMs === "number" ? `  ${span(lagMs)}` : "";
    return visible(`${time} ${text(repo)} -> ${text(cache)}${took}`);
  }
  const whose = text(repo) || text(cache);
  const why = typeof code === "string" ? `: ${code}` : "";
  return visible(`${time} ${whose === "" ? "" : `${whose}: `}${says}${why}`);
}

export function timeOfDay(iso: string): string {
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
