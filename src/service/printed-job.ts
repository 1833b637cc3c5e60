/** A loaded job, as `launchctl print` tells of it. */
export interface PrintedJob {
  /** The file that it was loaded from. */
  readonly path: string;
  /** In launchd's words: `running`, `not running`, `spawn scheduled`, and others. */
  readonly state: string;
  readonly pid: number | null;
  /** How it ended last, in launchd's words; empty where it has not, or has ended well. */
  readonly lastEnd: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Reads what `launchctl print` says of a job. Apple promises nothing of that text: what is not
 * found in it is left empty.
 */
export function parsePrinted(text: string): PrintedJob {
  const lines = text.split("\n");
  const facts = new Map<string, string>();
  for (const line of lines) {
    // What lies deeper is about other things, with the same names.
    const [, name, value] = /^\t([^\t=]+?) = (.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined && !facts.has(name)) facts.set(name, value);
  }
  const pid = Number(facts.get("pid"));
  const variables = block(lines, "environment").map((line) => line.split(" => "));
  return {
    path: facts.get("path") ?? "",
    state: facts.get("state") ?? "",
    pid: Number.isSafeInteger(pid) && pid > 0 ? pid : null,
    lastEnd: lastEnd(facts),
    command: block(lines, "arguments"),
    environment: Object.fromEntries(variables.map(([name = "", ...value]) => [name, value.join(" => ")])),
  };
}

function lastEnd(facts: ReadonlyMap<string, string>): string {
  const signal = facts.get("last terminating signal");
  if (signal !== undefined) return `last terminating signal = ${signal}`;
  const code = facts.get("last exit code");
  return code !== undefined && /^[1-9-]/.test(code) ? `last exit code = ${code}` : "";
}

function block(lines: readonly string[], name: string): string[] {
  const start = lines.indexOf(`\t${name} = {`);
  if (start === -1) return [];
  const end = lines.indexOf("\t}", start);
  return lines
    .slice(start + 1, end === -1 ? undefined : end)
    .flatMap((line) => /^\t\t(.*)$/.exec(line)?.[1] ?? []);
}

/** Whether `launchctl print-disabled` names a job as disabled: older systems say true, newer ones disabled. */
export function isDisabled(text: string, label: string): boolean {
  return text.split("\n").some((line) => {
    const [, name, value] = /^\s*"(.*)" => (\w+)$/.exec(line) ?? [];
    return name === label && (value === "true" || value === "disabled");
  });
}
