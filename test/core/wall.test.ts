import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const CORE = join(ROOT, "src/core");

const BUILTINS = new Set(["node:crypto", "node:buffer"]);
const IMPORTS = /(?:\bfrom\s*|\bimport\s*\(?\s*)["'`]([^"'`]+)["'`]/g;
const FORBIDDEN: ReadonlyMap<string, RegExp> = new Map([
  ["process", /\bprocess\b/],
  ["console", /\bconsole\b/],
  [
    "the clock",
    /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|(?<!new\s)\bDate\s*\(|\bperformance\b|\bhrtime\b|\bTemporal\b/,
  ],
  ["timers", /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/],
  ["the network", /\bfetch\s*\(|\bWebSocket\b/],
  ["require", /\brequire\b|\bcreateRequire\b/],
  ["chance", /\bMath\s*\.\s*random\b|\brandom(?:UUID|Bytes|Int|FillSync)\b|\bgetRandomValues\b/],
  ["globalThis", /\bglobalThis\b|\bglobal\s*\./],
]);

/** Prose may say `process`; code may not. Blanks comments and keeps strings, in which imports stand. */
function withoutComments(source: string): string {
  return source.replaceAll(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (whole, text: string | undefined) => (text === undefined ? " " : whole),
  );
}

/** What a file of the core does that no file of the core may. */
function breaches(file: string, source: string): string[] {
  const code = withoutComments(source);
  const found: string[] = [];
  for (const [, target = ""] of code.matchAll(IMPORTS)) {
    const inside = target.startsWith(".") && !relative(CORE, resolve(dirname(file), target)).startsWith("..");
    if (!inside && !BUILTINS.has(target)) found.push(`imports ${target}`);
  }
  const statements = code.replaceAll(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""');
  for (const [what, pattern] of FORBIDDEN) if (pattern.test(statements)) found.push(`uses ${what}`);
  return found;
}

describe("the wall around the core", () => {
  const files = readdirSync(CORE, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(CORE, name));

  it("is held by files that exist", () => {
    expect(files.length).toBeGreaterThan(5);
  });

  it.each(files.map((file) => [relative(ROOT, file), file] as const))(
    "%s touches no world outside",
    (_name, file) => {
      expect(breaches(file, readFileSync(file, "utf8"))).toEqual([]);
    },
  );

  it.each([
    ['import { readFile } from "node:fs";', "imports node:fs"],
    ['import fs from "fs";', "imports fs"],
    ['import "node:process";', "imports node:process"],
    ['import type { Paths } from "../paths.ts";', "imports ../paths.ts"],
    ['export { locate } from "../paths.ts";', "imports ../paths.ts"],
    ['const fs = await import("node:fs/promises");', "imports node:fs/promises"],
    ["if (process.env) {}", "uses process"],
    ["console.log(1);", "uses console"],
    ["const now = Date.now();", "uses the clock"],
    ["const now = new Date();", "uses the clock"],
    ["const now = performance.now();", "uses the clock"],
    ["setTimeout(run, 5);", "uses timers"],
    ["await fetch(url);", "uses the network"],
    ['const os = require("os");', "uses require"],
    ["const id = Math.random();", "uses chance"],
  ])("would notice `%s`", (source, breach) => {
    expect(breaches(join(CORE, "made-up.ts"), source)).toContain(breach);
  });

  it.each([
    "// the process may die here\nexport const a = 1;",
    "/** Reads no console, no Date.now(). */\nexport const a = 1;",
    'const word = "process";',
    'import { sha256 } from "./snapshot.ts";',
    'import { createHash } from "node:crypto";',
    "const then = new Date(now);",
  ])("lets pass `%s`", (source) => {
    expect(breaches(join(CORE, "made-up.ts"), source)).toEqual([]);
  });
});
