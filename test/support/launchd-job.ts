import { basename } from "node:path";
import { parsePlist, type PlistDict, type PlistValue } from "./plist.ts";

/**
 * What launchd knows, from launchd.plist(5): each key with what its value has to be. Keys that no
 * agent of ours may have are not in it, though launchd knows them: WatchPaths and QueueDirectories
 * are race-prone, NetworkState does nothing, Disabled is overruled, StartInterval starts a daemon twice.
 */
type Type = "string" | "integer" | "boolean" | "path" | "strings" | "command" | Keys;
interface Keys {
  readonly [key: string]: Type;
}

const LIMITS = {
  Core: "integer",
  CPU: "integer",
  Data: "integer",
  FileSize: "integer",
  MemoryLock: "integer",
  NumberOfFiles: "integer",
  NumberOfProcesses: "integer",
  ResidentSetSize: "integer",
  Stack: "integer",
} as const satisfies Keys;

const KEYS = {
  Label: "string",
  ProgramArguments: "command",
  EnvironmentVariables: { "*": "string" },
  RunAtLoad: "boolean",
  KeepAlive: { SuccessfulExit: "boolean", Crashed: "boolean" },
  ThrottleInterval: "integer",
  ExitTimeOut: "integer",
  ProcessType: "string",
  LowPriorityIO: "boolean",
  LowPriorityBackgroundIO: "boolean",
  Nice: "integer",
  Umask: "integer",
  SoftResourceLimits: LIMITS,
  HardResourceLimits: LIMITS,
  StandardOutPath: "path",
  StandardErrorPath: "path",
  StandardInPath: "path",
  WorkingDirectory: "path",
  RootDirectory: "path",
  LimitLoadToSessionType: "string",
  AbandonProcessGroup: "boolean",
  EnableTransactions: "boolean",
  AssociatedBundleIdentifiers: "strings",
} as const satisfies Keys;

const PROCESS_TYPES = ["Background", "Standard", "Adaptive", "Interactive"];

/** A job as far as it is believed to be right. */
export interface Job {
  readonly label: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly output: string;
  readonly errors: string;
  readonly throttleSeconds: number;
  readonly exitSeconds: number;
}

/** What is wrong with a job's file, by its text and its path. Empty where it is as ours have to be. */
export function mistakesIn(text: string, path: string): string[] {
  try {
    const job = parsePlist(text);
    if (!(job instanceof Map)) return ["it is no dict"];
    const dict: PlistDict = job;
    return [...mistakesInDict(dict, KEYS, ""), ...mistakesInSense(dict, path)];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** @throws Error with the mistakes. */
export function readJob(text: string, path: string): Job {
  const mistakes = mistakesIn(text, path);
  if (mistakes.length > 0) throw new Error(mistakes.join("; "));
  const dict = parsePlist(text) as PlistDict;
  const variables = (dict.get("EnvironmentVariables") ?? new Map()) as ReadonlyMap<string, string>;
  return {
    label: dict.get("Label") as string,
    command: dict.get("ProgramArguments") as string[],
    environment: Object.fromEntries(variables),
    output: (dict.get("StandardOutPath") ?? "/dev/null") as string,
    errors: (dict.get("StandardErrorPath") ?? "/dev/null") as string,
    throttleSeconds: (dict.get("ThrottleInterval") ?? 10) as number,
    exitSeconds: (dict.get("ExitTimeOut") ?? 20) as number,
  };
}

function mistakesInDict(dict: PlistDict, keys: Keys, where: string): string[] {
  return [...dict].flatMap(([name, value]) => {
    const type = keys[name] ?? keys["*"];
    if (type === undefined) return [`launchd knows no key ${where}${name}, or we must not have it`];
    return mistakesInValue(value, type, `${where}${name}`);
  });
}

function mistakesInValue(value: PlistValue, type: Type, name: string): string[] {
  if (typeof type === "object") {
    return value instanceof Map ? mistakesInDict(value, type, `${name}.`) : [`${name} must be a dict`];
  }
  switch (type) {
    case "path":
      return typeof value === "string" ? mistakesInPath(value, name) : [`${name} must be a string`];
    case "string":
    case "boolean":
      return typeof value === type ? [] : [`${name} must be a ${type}`];
    case "integer":
      return typeof value === "number" ? [] : [`${name} must be an integer`];
    case "strings":
      return isStrings(value) ? [] : [`${name} must be an array of strings`];
    case "command": {
      if (!isStrings(value)) return [`${name} must be an array of strings`];
      // The interpreter and its script; what follows are words of ours.
      return value.slice(0, 2).flatMap((word, index) => mistakesInPath(word, `${name}[${index}]`));
    }
  }
}

function isStrings(value: PlistValue): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function mistakesInPath(path: string, name: string): string[] {
  if (!path.startsWith("/")) return [`${name} must be absolute, and is ${path}`];
  // Neither is expanded. A directory may have a dollar in its name, but none that reads like a variable.
  if (/^\/~|\$\{|\$[A-Z]+\b/.test(path)) return [`${name} has what launchd does not expand: ${path}`];
  return [];
}

function mistakesInSense(dict: PlistDict, path: string): string[] {
  const mistakes: string[] = [];
  const label = dict.get("Label");
  if (label === undefined) mistakes.push("there is no Label");
  if (label !== basename(path, ".plist")) mistakes.push(`the Label is not that of ${basename(path)}`);
  const command = dict.get("ProgramArguments");
  if (command === undefined || (Array.isArray(command) && command.length === 0))
    mistakes.push("there are no ProgramArguments");
  const keepAlive = dict.get("KeepAlive");
  const onlyFailures = keepAlive instanceof Map && keepAlive.get("SuccessfulExit") === false;
  if (!onlyFailures) mistakes.push("KeepAlive must be SuccessfulExit false, or exit 0 goes round for ever");
  const type = dict.get("ProcessType");
  if (type !== undefined && !PROCESS_TYPES.some((each) => each === type))
    mistakes.push(`launchd knows no ProcessType ${JSON.stringify(type)}`);
  return mistakes;
}
