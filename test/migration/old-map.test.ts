import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readOldMap } from "../../src/migration/old-map.ts";

const HOME = "/home/me";

/** `name path` of each entry. */
function entries(script: string): string[] | undefined {
  return readOldMap(script, HOME)?.entries.map(({ name, path }) => `${name} ${path}`);
}

function unread(script: string): string[] | undefined {
  return readOldMap(script, HOME)?.unread.map(({ name, line, why }) => `${line} ${name ?? "-"}: ${why}`);
}

/** The path that a value comes to, or why it comes to none. */
function pathOf(value: string, before = ""): string | undefined {
  const map = readOldMap(`${before}\nREPO_MAP = {'x': ${value}}\n`, HOME);
  return map?.entries[0]?.path ?? map?.unread[0]?.why;
}

describe("the map of the old script is read as people write it", () => {
  it("plain, with what stands around it in the script", () => {
    const script = `#!/usr/bin/env python3
"""State sync.

REPO_MAP = {'not': '/this'}
"""
import sys
from pathlib import Path
from datetime import datetime

# REPO_MAP = {'nor': '/this'}
REPO_MAP = {
    'ai_orchestrator': '/Users/me/1_REPOS/AI_Orchestrator',
    "karematch": "/Users/me/1_REPOS/karematch/",  # the app, 'quoted': "here"
    # 'gone': '/Users/me/1_REPOS/gone',
    'Mission Control': '/Users/me/1_REPOS/Mission Control',
}


def sync_state_to_global_cache(repo_name: str) -> None:
    if repo_name not in REPO_MAP:
        print(f"[state_sync] Unknown repo: {repo_name}")
        return
    for name, path in REPO_MAP.items():
        if REPO_MAP[name] == path and name != repo_name:
            write(Path(path), Path(REPO_MAP[repo_name]))


if __name__ == "__main__":
    sync_state_to_global_cache(sys.argv[2])
`;
    expect(entries(script)).toEqual([
      "ai_orchestrator /Users/me/1_REPOS/AI_Orchestrator",
      "karematch /Users/me/1_REPOS/karematch",
      "Mission Control /Users/me/1_REPOS/Mission Control",
    ]);
    expect(unread(script)).toEqual([]);
    expect(readOldMap(script, HOME)?.entries[1]?.line).toBe(13);
  });

  it.each<readonly [string, string]>([
    [`'/a/b'`, "/a/b"],
    [`"/a/b"`, "/a/b"],
    [`'/a/' 'b' "/c"`, "/a/b/c"],
    [`("/a"\n    "/b")`, "/a/b"],
    [`"/a" + '/b'`, "/a/b"],
    [`r'/a/b'`, "/a/b"],
    [`u"/a/b"`, "/a/b"],
    [`'''/a/b'''`, "/a/b"],
    [`"/a/it's"`, "/a/it's"],
    [String.raw`'/a/it\'s'`, "/a/it's"],
    [String.raw`'/a/caf\u00e9'`, "/a/café"],
    [String.raw`'/a/\x62\142'`, "/a/bb"],
    [String.raw`'/a/\qb'`, String.raw`/a/\qb`],
    [`'/a//b/./c/../d'`, "/a/b/d"],
    [`Path("/a/b")`, "/a/b"],
    [`pathlib.Path('/a', "b")`, "/a/b"],
    [`str(Path("/a") / 'b')`, "/a/b"],
    [`Path.home() / "1_REPOS" / "x"`, "/home/me/1_REPOS/x"],
    [`str(Path.home() / "x")`, "/home/me/x"],
    [`Path.home().joinpath("r", "x").resolve()`, "/home/me/r/x"],
    [`Path("~/x").expanduser()`, "/home/me/x"],
    [`(Path.home() / "a").parent / "b"`, "/home/me/b"],
    [`os.path.expanduser("~/x")`, "/home/me/x"],
    [`os.path.expanduser('~')`, "/home/me"],
    [`os.path.expandvars("$HOME/x")`, "/home/me/x"],
    [`os.path.join(os.path.expanduser("~"), "r", "x")`, "/home/me/r/x"],
    [`os.path.join("/a", "/b",)`, "/b"],
    [`os.environ["HOME"] + "/x"`, "/home/me/x"],
    [`os.environ.get('HOME', '/root') + '/x'`, "/home/me/x"],
    [`os.getenv("HOME") + "/x"`, "/home/me/x"],
    [`f"{Path.home()}/x"`, "/home/me/x"],
    [`f'{os.environ["HOME"]}/{"r" + "s"}/x'`, "/home/me/rs/x"],
    [`f"/a/{{b}}"`, "/a/{b}"],
    [`f"{Path.home()!s}/x"`, "/home/me/x"],
    [`rf"{Path.home()}/x"`, "/home/me/x"],
    [`os.path.abspath("/a/../b")`, "/b"],
  ])("%s", (value, path) => {
    expect(pathOf(value)).toBe(path);
  });

  it.each<readonly [string, string, string]>([
    ["HOME = os.path.expanduser('~')", `f"{HOME}/x"`, "/home/me/x"],
    ["HOME = Path.home()", `HOME / "x"`, "/home/me/x"],
    ["HOME = str(Path.home())\nBASE: str = HOME + '/r'", `BASE + "/x"`, "/home/me/r/x"],
    ["BASE = Path('/a'); OTHER = BASE / 'b'", `OTHER / "x"`, "/a/b/x"],
    ["BASE = '/a'\nBASE = '/b'", `BASE + "/x"`, "/b/x"],
    ["def f():\n    BASE = '/not'\nBASE = '/a'", `BASE + '/x'`, "/a/x"],
    ["BASE = '/a'\ndef f():\n    BASE = '/not'", `BASE + '/x'`, "/a/x"],
    ["BASE = (\n    '/a'\n    '/b'\n)", `BASE + '/x'`, "/a/b/x"],
    ["BASE = '/a' \\\n  '/b'", `BASE + '/x'`, "/a/b/x"],
  ])("with names of the script's own: %s", (before, value, path) => {
    expect(pathOf(value, before)).toBe(path);
  });

  it.each<readonly [string, string, readonly string[]]>([
    ["with annotations", "REPO_MAP: Dict[str, str] = {'a': '/a'}", ["a /a"]],
    ["with an annotation in quotes", "REPO_MAP: 'dict[str, str]' = {'a': '/a'}", ["a /a"]],
    ["without spaces and commas", "REPO_MAP={'a':'/a','b':'/b'}", ["a /a", "b /b"]],
    ["with CRLF and a byte order mark", "\u{feff}REPO_MAP = {\r\n  'a': '/a',\r\n}\r\n", ["a /a"]],
    ["by dict()", "REPO_MAP = dict(a='/a', b=Path('/b'))", ["a /a", "b /b"]],
    ["empty", "REPO_MAP = {}", []],
    ["with one name twice", "REPO_MAP = {'a': '/a', 'b': '/b', 'a': '/c'}", ["a /c", "b /b"]],
    ["set twice", "REPO_MAP = {'a': '/a'}\nREPO_MAP = {'b': '/b'}", ["b /b"]],
    ["with an entry put in later", "REPO_MAP = {'a': '/a'}\nREPO_MAP['b'] = '/b'\n", ["a /a", "b /b"]],
    ["with a name made of pieces", "X = 'x'\nREPO_MAP = {f'{X}_y': '/a'}", ["x_y /a"]],
  ])("%s", (_what, script, expected) => {
    expect(entries(script)).toEqual(expected);
    expect(unread(script)).toEqual([]);
  });

  it.each(["", "x = 1", "'''REPO_MAP = {}", "# REPO_MAP = {'a': '/a'}", "OTHER_REPO_MAP = {'a': '/a'}"])(
    "and none is found in %j",
    (script) => {
      expect(readOldMap(script, HOME)).toBeUndefined();
    },
  );
});

describe("what cannot be told from the text is told as such, and nothing is guessed", () => {
  it.each<readonly [string, RegExp]>([
    [`'karematch'`, /relative/],
    [`'~/x'`, /`~` of a plain string/],
    [`os.path.expanduser("~bob/x")`, /another user/],
    [`''`, /empty/],
    [String.raw`'/a\nb'`, /control character/],
    [`None`, /None is known only when it runs/],
    [`BASE + '/x'`, /BASE is known only when it runs/],
    [`Path(__file__).parent`, /__file__ is known only/],
    [`os.environ["REPOS"]`, /the variable REPOS from the environment/],
    [`os.environ.get("REPOS", "/a")`, /the variable REPOS/],
    [`f"{base}/x"`, /base is known only/],
    [`f"{Path.home():>20}/x"`, /not closed/],
    [`f"{Path.home("`, /string|brace|understood/],
    [`{"path": "/a"}`, /a list or a dict/],
    [`["/a"]`, /a list or a dict/],
    [`("/a", "/b")`, /a tuple/],
    [`"/a" if MAC else "/b"`, /`if` is not understood/],
    [`"%s/x" % HOME`, /`%` is not understood/],
    [`"{}/x".format(HOME)`, /\.format|HOME/],
    [`b"/a"`, /b in front/],
    [`"/a" / "b"`, /only a Path/],
    [`Path("/a") + "b"`, /only strings/],
    [`subprocess.check_output("pwd")`, /subprocess\.check_output\(\.\.\.\) is known only/],
    [String.raw`"/a/\N{BULLET}"`, /\\N/],
    [`lambda: "/a"`, /name and a path|lambda/],
    [`${"(".repeat(200)}"/a"${")".repeat(200)}`, /too deeply/],
    [``, /nothing stands there/],
  ])("%s", (value, why) => {
    expect(entries(`REPO_MAP = {'x': ${value}}`)).toEqual([]);
    expect(pathOf(value)).toMatch(why);
  });

  it("each with its name and its line, and the others are read", () => {
    const script =
      "REPO_MAP = {\n  'a': '/a',\n  'b': where('b'),\n  NAME: '/c',\n  **MORE,\n  'd': '/d'\n}\n";
    expect(entries(script)).toEqual(["a /a", "d /d"]);
    expect(unread(script)).toEqual([
      "3 b: where(...) is known only when it runs",
      "4 -: its name: NAME is known only when it runs",
      "5 -: what another dict holds is added here",
    ]);
  });

  it.each<readonly [string, string, RegExp]>([
    ["a comprehension", "REPO_MAP = {n: '/r/' + n for n in NAMES}", /^1 -: the entries are made by a loop/],
    ["a function's result", "REPO_MAP = load()", /^1 -: REPO_MAP is not written out/],
    ["two dicts in one", "REPO_MAP = {'a': '/a'} | MORE", /^1 -: REPO_MAP is not written out/],
    ["a set", "REPO_MAP = {'/a', '/b'}", /^1 -: it is not a name and a path/],
    ["a condition", "if MAC:\n    REPO_MAP = {'a': '/a'}", /^2 -: .* under a condition/],
    ["an update", "REPO_MAP = {'a': '/a'}\nREPO_MAP.update(more())", /^2 -: REPO_MAP is changed here/],
    ["an entry taken out", "REPO_MAP = {'a': '/a'}\ndel REPO_MAP['a']", /^2 -: REPO_MAP is changed here/],
    ["a dict that is not closed", "REPO_MAP = {'a': '/a',", /^1 -: REPO_MAP is not written out/],
    [
      "a base under a condition",
      "if M:\n  B = '/a'\nREPO_MAP = {'a': B + '/x'}",
      /^3 a: B is set in line 2 under/,
    ],
    ["a base that grows", "B = '/a'\nB += '/b'\nREPO_MAP = {'a': B + '/x'}", /^3 a: B changes/],
  ])("%s", (_what, script, expected) => {
    expect(unread(script)?.[0]).toMatch(expected);
  });

  it("of two entries with one name the later one counts, read or not", () => {
    expect(unread("REPO_MAP = {'a': f(), 'a': '/a'}")).toEqual([]);
    expect(entries("REPO_MAP = {'a': '/a', 'a': f()}")).toEqual([]);
  });
});

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 300);

describe("no text whatever breaks the reader", () => {
  const PIECES = [
    "REPO_MAP| = |{|}|[|]|(|)|:|,|'a'|\"/b\"|'|\"|\"\"\"|'''|f'|rb\"|\n|\r\n|\\|\\\n|#|;|.|/|+|**|for|Path|Path.home()",
    "os.path.join(|  |\t|\u{feff}|\0|é|\u{1f600}|{{|}}|=|+=|del |0x1|\ud800",
  ];
  const piece = fc.constantFrom(...PIECES.flatMap((pieces) => pieces.split("|")));
  const texts = fc.oneof(
    fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("")),
    fc.array(piece, { maxLength: 40 }).map((pieces) => `REPO_MAP = {${pieces.join("")}}`),
    fc.array(piece, { maxLength: 20 }).map((pieces) => `REPO_MAP = {'a': f'${pieces.join("")}'}`),
    fc.string({ unit: "binary", maxLength: 200 }),
  );

  it("and every path that it reads is absolute and free of control characters", () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const { path, line } of readOldMap(text, HOME)?.entries ?? []) {
          expect(path).toMatch(/^\/[^\p{Cc}]*$/u);
          expect(line).toBeLessThanOrEqual(text.split("\n").length);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it.each<readonly [string, string]>([
    ["brackets", "["],
    ["quotes", "'"],
    ["backslashes", "\\"],
    ["braces in an f-string", "{"],
    ["names with dots", "a."],
    ["additions", "'a'+"],
  ])("a megabyte of %s is read in a moment", (_what, unit) => {
    const much = unit.repeat(1_000_000 / unit.length);
    const from = performance.now();
    readOldMap(much, HOME);
    readOldMap(`REPO_MAP = {'a': ${much}}`, HOME);
    readOldMap(`REPO_MAP = {'a': f"${much}"}`, HOME);
    expect(performance.now() - from).toBeLessThan(10_000);
  });
});
