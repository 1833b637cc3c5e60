import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { GLOBAL_OPTIONS, ROOT } from "../../src/cli/commands.ts";
import { dashed, type Family, isFamily, usageOf } from "../../src/cli/definition.ts";
import { manual } from "../../src/cli/manual.ts";
import { prose } from "../../src/cli/roff.ts";
import { VERSION } from "../../src/version.ts";
import { isInstalled } from "../support/installed.ts";
import { SCRIPT } from "../support/workspace.ts";

const page = manual(VERSION);
const groff = isInstalled("groff");
const man = isInstalled("man");

/** A page as a terminal without any type shows it. */
function shown(text: string): string {
  const { stdout, stderr } = spawnSync("groff", ["-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=200n"], {
    input: text,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return stdout;
}

describe("the manual page", () => {
  it("is made with the bundle", () => {
    expect(readFileSync(join(dirname(SCRIPT), "state-syncd.1"), "utf8")).toBe(page);
  });

  it.skipIf(!groff)("gives groff nothing to warn of (skipped where groff is not installed)", () => {
    const { status, stderr } = spawnSync("groff", ["-man", "-ww", "-z"], { input: page, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  it.skipIf(!man)("can be read with man (skipped where man is not installed)", () => {
    const { stdout } = spawnSync("man", ["-l", "-"], {
      input: page,
      encoding: "utf8",
      env: { ...process.env, MANWIDTH: "80" },
    });
    expect(stdout).toMatch(/^STATE-SYNCD\(1\)/);
  });

  it.skipIf(!groff)("has every command, option and example (skipped where groff is not installed)", () => {
    const text = shown(page);
    for (const section of "NAME SYNOPSIS DESCRIPTION OPTIONS COMMANDS FILES ENVIRONMENT".split(" "))
      expect(text).toMatch(new RegExp(`^${section}$`, "m"));
    expect(text).toMatch(/^EXIT STATUS$/m);
    expect(text).toMatch(/^SEE ALSO$/m);
    for (const key of Object.keys(GLOBAL_OPTIONS))
      expect(text).toMatch(new RegExp(`^ +--${dashed(key)}\\b`, "m"));
    const check = (family: Family, before: readonly string[]): void => {
      for (const [name, node] of Object.entries(family.commands)) {
        const names = [...before, name];
        if (isFamily(node)) check(node, names);
        else {
          const at = text.indexOf(`\n   ${usageOf(names.join(" "), node.positionals)}\n`);
          expect(at, names.join(" ")).toBeGreaterThan(0);
          const after = text.slice(at);
          for (const key of Object.keys(node.options))
            expect(after).toMatch(new RegExp(`^ +--${dashed(key)}\\b`, "m"));
          for (const { line } of node.examples) expect(after).toContain(`state-syncd ${line}\n`);
        }
      }
    };
    check(ROOT, []);
  });

  it.each([
    [".TH begins with a dot"],
    ["'quoted' begins with a quote"],
    [String.raw`a backslash \fB, \n and at the end \ `],
    ["--dry-run 'x' \"y\" ~/z ^C"],
    ["Größe, 名, 😀"],
  ])(
    "a text that looks like an instruction is shown as it is (skipped where groff is not installed): %s",
    (text) => {
      if (!groff) return;
      expect(shown(`.TH X 1\n.PP\n${prose(text)}\n`)).toContain(text.trim());
    },
  );

  it("a word between backticks is bold, be it the first of its line", () => {
    expect(prose("`.x` is")).toBe(String.raw`\fB.x\fR is`);
    expect(prose(".x")).toBe(String.raw`\&.x`);
  });
});
