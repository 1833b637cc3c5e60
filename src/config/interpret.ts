import type { z } from "zod";
import { NAME_PATTERN, nameFrom } from "../core/name.ts";
import { type Registry, type Repo, RESERVED_PREFIX } from "../core/registry.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import { type Surroundings, expandPath, expandStateFile } from "./expand.ts";
import { nearest } from "./nearest.ts";
import { NAME_EXPECTED, configSchema, knownKeys, repoSchema } from "./schema.ts";

/** Something wrong at a place of the config, not yet tied to a line. */
export interface Finding {
  readonly path: readonly (string | number)[];
  /** What to point at; `absent` is something that is not there. */
  readonly at: "key" | "value" | "absent";
  readonly found: string;
  readonly expected: string;
}

/** What the config says, apart from where it was read. Durations in milliseconds. */
export interface Settings {
  readonly registry: Registry;
  readonly debounceMs: { readonly wait: number; readonly maxWait: number };
  readonly rescanMs: number;
  /** The largest state file that is read, in bytes. */
  readonly maxBytes: number;
  readonly guard: GuardOptions;
}

export interface Interpretation {
  /** Undefined where there is any finding. */
  readonly settings: Settings | undefined;
  readonly findings: readonly Finding[];
  /** The directories that could be made out, even where something else is wrong. */
  readonly directories: readonly {
    readonly name: string;
    readonly path: string;
    readonly writtenPath: string;
  }[];
  /** The guard's patterns that could be made out, likewise. */
  readonly patterns: readonly WrittenPattern[];
}

/** A pattern of the guard as it stands in the config. */
export interface WrittenPattern {
  readonly path: readonly (string | number)[];
  /** `allow` must not allow everything. */
  readonly kind: "secret" | "allow";
  readonly pattern: string;
}

/**
 * Turns what a YAML parser returned into settings. Pure: looks at no file.
 *
 * @param names the names of the repos in the order of the file; an object does not keep the
 *   order of keys that look like numbers.
 */
export function interpret(
  value: unknown,
  surroundings: Surroundings,
  names?: readonly string[],
): Interpretation {
  const findings: Finding[] = [];
  const entries = isMap(value) && isMap(value["repos"]) ? value["repos"] : undefined;
  const outer = entries === undefined || !isMap(value) ? value : { ...value, repos: {} };
  const parsed = configSchema.safeParse(outer);
  if (!parsed.success) findings.push(...toFindings(parsed.error.issues, outer, []));
  else findings.push(...checkDebounce(parsed.data, value));

  const repos: Repo[] = [];
  const directories: { name: string; path: string; writtenPath: string }[] = [];
  for (const name of names ?? Object.keys(entries ?? {})) {
    const read = interpretRepo(name, entries?.[name], surroundings);
    findings.push(...read.findings);
    if (read.path !== undefined) {
      directories.push({ name, path: read.path, writtenPath: String(valueAt(entries, [name, "path"])) });
    }
    if (read.repo !== undefined) repos.push(read.repo);
  }
  const patterns = patternsIn(value);
  if (!parsed.success || findings.length > 0) return { settings: undefined, findings, directories, patterns };
  const { debounce, rescan, maxBytes, guard } = parsed.data;
  return {
    settings: { registry: { repos }, debounceMs: debounce, rescanMs: rescan, maxBytes, guard },
    findings,
    directories,
    patterns,
  };
}

/** Whatever else is wrong: each of them is looked at. */
function patternsIn(value: unknown): WrittenPattern[] {
  const guard = isMap(value) ? value["guard"] : undefined;
  if (!isMap(guard)) return [];
  const { patterns, allow } = guard;
  const own = isMap(patterns) ? Object.entries(patterns) : [];
  const allowed = Array.isArray(allow) ? [...allow.entries()] : [];
  return [
    ...own.map(
      ([name, pattern]) => ({ path: ["guard", "patterns", name], kind: "secret", pattern }) as const,
    ),
    ...allowed.map(([at, pattern]) => ({ path: ["guard", "allow", at], kind: "allow", pattern }) as const),
  ].flatMap(({ pattern, ...rest }) => (typeof pattern === "string" ? [{ ...rest, pattern }] : []));
}

function interpretRepo(
  name: string,
  value: unknown,
  surroundings: Surroundings,
): {
  readonly repo: Repo | undefined;
  readonly path: string | undefined;
  readonly findings: readonly Finding[];
} {
  const place = ["repos", name];
  const findings: Finding[] = [];
  if (!NAME_PATTERN.test(name)) {
    const expected = `a name like ${nameFrom(name)} (${NAME_EXPECTED})`;
    findings.push({ path: place, at: "key", found: describe(name), expected });
  } else if (name.startsWith(RESERVED_PREFIX)) {
    const expected = `another name: those with ${RESERVED_PREFIX} are the daemon's own`;
    findings.push({ path: place, at: "key", found: describe(name), expected });
  }
  const parsed = repoSchema.safeParse(value);
  if (!parsed.success) findings.push(...toFindings(parsed.error.issues, value, place));

  const path = expandField(value, "path", (text) => expandPath(text, surroundings), place, findings);
  const stateFile = expandField(value, "stateFile", expandStateFile, place, findings);
  if (!parsed.success || path === undefined || findings.length > 0)
    return { repo: undefined, path, findings };
  const { path: writtenPath, groups, ...rest } = parsed.data;
  const repo: Repo = { ...rest, name, path, writtenPath, groups: [...new Set(groups)] };
  return { repo: stateFile === undefined ? repo : { ...repo, stateFile }, path, findings };
}

function expandField(
  entry: unknown,
  field: "path" | "stateFile",
  expand: (text: string) => { readonly path: string } | { readonly expected: string },
  place: readonly string[],
  findings: Finding[],
): string | undefined {
  const text = isMap(entry) ? entry[field] : undefined;
  // Anything else has been found by the schema.
  if (typeof text !== "string" || text === "") return undefined;
  const expanded = expand(text);
  if ("path" in expanded) return expanded.path;
  findings.push({ path: [...place, field], at: "value", found: describe(text), expected: expanded.expected });
  return undefined;
}

function checkDebounce(config: z.output<typeof configSchema>, raw: unknown): Finding[] {
  const { wait, maxWait } = config.debounce;
  if (maxWait >= wait) return [];
  const path = ["debounce", "maxWait"];
  const written = valueAt(raw, path);
  const writtenWait = valueAt(raw, ["debounce", "wait"]);
  const expected = `at least ${typeof writtenWait === "string" ? writtenWait : "100ms"}, which is what wait is`;
  return written === undefined
    ? [{ path, at: "absent", found: "nothing, which means 1s", expected }]
    : [{ path, at: "value", found: describe(written), expected }];
}

function toFindings(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  place: readonly string[],
): Finding[] {
  return issues.flatMap((issue): Finding[] => {
    const inside = issue.path.filter((part) => typeof part !== "symbol");
    const path = [...place, ...inside];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: "key",
        found: `the unknown key ${describe(key)}`,
        expected: expectedKey(key, path),
      }));
    }
    const wrong = valueAt(value, inside);
    if (wrong === undefined) return [{ path, at: "absent", found: "nothing", expected: issue.message }];
    // A repo that was written as its path alone.
    const isBarePath = typeof wrong === "string" && path[0] === "repos" && path.length === 2;
    const expected = isBarePath ? `a map: { path: ${shorten(wrong)} }` : issue.message;
    return [{ path, at: "value", found: describe(wrong), expected }];
  });
}

function expectedKey(key: string, path: readonly PropertyKey[]): string {
  const known = knownKeys(path) ?? [];
  const meant = nearest(key, known);
  return meant === undefined ? `one of ${known.join(", ")}` : `${meant} (did you mean that?)`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner)) return typeof key === "number" ? inner[key] : undefined;
    return isMap(inner) && Object.hasOwn(inner, key) ? inner[String(key)] : undefined;
  }, value);
}

/** A value as a message shows it. Only the outermost level: an alias may make the inside huge. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "string") return JSON.stringify(shorten(value));
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return "a map";
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
