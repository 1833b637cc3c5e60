import { describe, expect, it } from "vitest";
import { SettingsError } from "../../../src/hooks/settings/jsonc.ts";
import { programAt, SHARED_PROGRAM } from "../../../src/hooks/settings/own-calls.ts";
import {
  findHooks,
  installHooks,
  uninstallHooks,
  withoutOldHooks,
} from "../../../src/hooks/settings/edit.ts";

const PROGRAM = programAt("/usr/bin/node", "/usr/lib/state-syncd.cjs", undefined);
const WISH = { program: PROGRAM, replaceOld: false };
const install = (text: string): string => installHooks(text, WISH).text;

function commands(text: string): string[] {
  return [...text.matchAll(/"command": ?("(?:[^"\\]|\\.)*")/g)].map(([, literal]) =>
    JSON.parse(literal ?? '""'),
  );
}

/** Settings with one hook of each of these commands after a use of a tool. */
function after(...commands: readonly string[]): string {
  const hooks = commands.map((command) => ({ type: "command", command }));
  return JSON.stringify({ hooks: { PostToolUse: [{ matcher: "Write|Edit", hooks }] } }, undefined, 2);
}

describe("hooks are put into an agent's settings", () => {
  it("a missing file becomes one that an agent reads", () => {
    const text = install("");
    const entry = (verb: string): unknown => ({
      type: "command",
      command: `/usr/bin/node /usr/lib/state-syncd.cjs hook ${verb}`,
      timeout: 10,
    });
    expect(JSON.parse(text)).toEqual({
      hooks: {
        SessionStart: [{ hooks: [entry("session-start")] }],
        UserPromptSubmit: [{ hooks: [entry("prompt")] }],
        PostToolUse: [{ matcher: "*", hooks: [entry("checkpoint")] }],
      },
    });
    expect(text.startsWith('{\n  "hooks": {\n    "SessionStart": [\n      {\n')).toBe(true);
    expect(text.endsWith("}\n")).toBe(true);
  });

  it.each([
    [
      "comments, tabs and a trailing comma",
      '// mine\n{\n\t"model": "opus", // the large one\n\t/* more */\n}\n',
    ],
    ["one line", '{"model": "opus"}'],
    ["CRLF", '{\r\n    "a": 1,\r\n    "b": [\r\n        2\r\n    ]\r\n}\r\n'],
    ["a byte order mark", '\uFEFF{\n  "a": 1\n}'],
    ["nothing but braces", "{}"],
    ["a comment for whoever comes next", '{\n  "hooks": {\n    // nothing yet\n  }\n}\n'],
    ["a comment in a list", '{"hooks": {"SessionStart": [ /* nothing yet */ ]}}'],
    ["others' hooks at the same events", after("./format.sh")],
    ["a trailing comma after others' hooks", '{"hooks":{"Stop":[],"PostToolUse":[{"hooks":[],},],},}'],
    ["a comma on a line of its own", '{\n  "a": 1 // one\n  , // two\n}\n'],
    ["a comment before the end", '{\n  "a": 1\n  // the end\n}'],
    ["braces with blanks", "{ }"],
    ["braces with a block comment", "{ /* nothing */ }"],
    ["odd indentation", '{\n   "a": {\n "b": 1\n         }\n      }'],
  ])("what was there stays as it was, and uninstalling gives it back: %s", (_, text) => {
    const installed = install(text);
    expect(
      findHooks(installed)
        .own.map(({ event }) => event)
        .sort(),
    ).toEqual(["PostToolUse", "SessionStart", "UserPromptSubmit"]);
    expect(install(installed)).toBe(installed);
    expect(uninstallHooks(installed).text).toBe(text);
  });

  it.each([
    ["an empty file", "", "{}\n"],
    ["empty hooks, which say nothing", '{\n  "model": "opus",\n  "hooks": {}\n}', '{\n  "model": "opus"\n}'],
    ["empty braces on two lines", "{\n}\n", "{}\n"],
  ])("an uninstalling cannot tell %s from what it leaves", (_, text, left) => {
    expect(uninstallHooks(install(text)).text).toBe(left);
  });

  it("the layout of the file is followed: tabs, CRLF, one line", () => {
    const tabs = install('{\r\n\t"model": "opus"\r\n}\r\n');
    expect(tabs).toContain('\r\n\t"hooks": {\r\n\t\t"SessionStart": [\r\n\t\t\t{\r\n\t\t\t\t"hooks": [');
    expect(tabs.replaceAll("\r\n", "")).not.toContain("\n");
    expect(install('{"model": "opus"}')).not.toContain("\n");
  });
});

describe("a list whose brackets stand together", () => {
  it("goes on like that", () => {
    const text = '{\n  "hooks": {\n    "SessionStart": [{\n      "hooks": []\n    }]\n  }\n}\n';
    const installed = install(text);
    expect(installed).toContain('\n    }, {\n      "hooks": [\n        {\n          "type"');
    expect(installed).toContain('\n      ]\n    }],\n    "UserPromptSubmit": [\n');
    expect(uninstallHooks(installed).text).toBe(text);
  });
});

describe("hooks that are there already", () => {
  const old = programAt("/opt/node-20/bin/node", "/opt/old dir/state-syncd.cjs", undefined);

  it("call the program that is installed now after a move, and keep what their user gave them", () => {
    const before = installHooks("", { program: old, every: 20, replaceOld: false })
      .text.replace('"timeout": 10', '"timeout": 25')
      .replace('"matcher": "*"', '"matcher": "Write|Edit"')
      .replace("hook prompt", "hook prompt --budget 900 2>/dev/null || true");
    const { text, changes } = installHooks(before, WISH);
    expect(changes.map(({ kind }) => kind)).toEqual(["replaced", "replaced", "replaced"]);
    expect(text).toBe(
      before.replaceAll(
        "/opt/node-20/bin/node '/opt/old dir/state-syncd.cjs'",
        "/usr/bin/node /usr/lib/state-syncd.cjs",
      ),
    );
    expect(commands(text)[2]).toBe("/usr/bin/node /usr/lib/state-syncd.cjs hook checkpoint --every 20");
  });

  it.each([
    ["state-syncd hook prompt", "/usr/bin/node /usr/lib/state-syncd.cjs hook prompt"],
    [
      "A=1 exec '/x y/state-syncd' hook prompt",
      "A=1 exec /usr/bin/node /usr/lib/state-syncd.cjs hook prompt",
    ],
    ["npx -y state-syncd@latest hook prompt", "/usr/bin/node /usr/lib/state-syncd.cjs hook prompt"],
    [
      "state-syncd --config ~/c.yaml hook prompt --budget 9",
      "/usr/bin/node /usr/lib/state-syncd.cjs --config ~/c.yaml hook prompt --budget 9",
    ],
    [
      "command -v state-syncd >/dev/null 2>&1 || exit 0; state-syncd hook prompt",
      "/usr/bin/node /usr/lib/state-syncd.cjs hook prompt",
    ],
  ])("%s is ours", (command, renewed) => {
    const before = install("").replace(/"[^"]* hook prompt"/, JSON.stringify(command));
    const { text } = installHooks(before, WISH);
    expect(commands(text)[1]).toBe(renewed);
    expect(findHooks(uninstallHooks(text).text).own).toEqual([]);
  });

  it.each([
    "./notify.sh; state-syncd hook prompt",
    "state-syncd hook prompt | tee log",
    "if true; then state-syncd hook prompt; fi",
    'echo "$(state-syncd hook prompt)"',
    "timeout 5 state-syncd hook prompt & state-syncd hook prompt",
  ])("%s is not only ours: it is left alone, and no second one is put beside it", (command) => {
    const before = install("").replace(/"[^"]* hook prompt"/, JSON.stringify(command));
    expect(install(before)).toBe(before);
    expect(uninstallHooks(before).text).toContain(JSON.stringify(command));
  });

  it.each([
    "echo state-syncd hook prompt",
    "./state-syncd-notify hook prompt",
    "state-syncd status",
    "state-syncd repos add hook prompt",
    "my-state-syncd hook prompt",
  ])("%s is somebody else's", (command) => {
    const before = after(command);
    expect(findHooks(before).own).toEqual([]);
    expect(uninstallHooks(install(before)).text).toBe(before);
  });

  it("that stand twice become one; those for other occasions stay", () => {
    const groups = (matcher: string, budget: number): unknown => ({
      matcher,
      hooks: [{ type: "command", command: `state-syncd hook session-start --budget ${budget}` }],
    });
    const list = [groups("startup", 1), groups("compact", 2), groups("startup", 3)];
    const text = install(JSON.stringify({ hooks: { SessionStart: list } }));
    expect(commands(text).filter((command) => command.includes("session-start"))).toEqual([
      "/usr/bin/node /usr/lib/state-syncd.cjs hook session-start --budget 1",
      "/usr/bin/node /usr/lib/state-syncd.cjs hook session-start --budget 2",
    ]);
  });

  it("a config that is chosen now takes the place of the one that was chosen then", () => {
    const first = installHooks("", {
      program: { ...old, config: "/a b.yaml" },
      every: 5,
      replaceOld: false,
    }).text;
    const program = { ...PROGRAM, config: "/c.yaml" };
    const second = installHooks(first, { program, replaceOld: false }).text;
    expect(commands(second)[2]).toBe(
      "/usr/bin/node /usr/lib/state-syncd.cjs hook checkpoint --config /c.yaml --every 5",
    );
    expect(installHooks(second, { program, replaceOld: false }).changes).toEqual([]);
    expect(install(second)).toBe(second);
  });

  it("a file that others share names no path of this machine", () => {
    const { text } = installHooks("", { program: SHARED_PROGRAM, replaceOld: false });
    expect(commands(text)[0]).toBe(
      "command -v state-syncd >/dev/null 2>&1 || exit 0; state-syncd hook session-start",
    );
    expect(installHooks(text, { program: SHARED_PROGRAM, replaceOld: false }).text).toBe(text);
  });
});

describe("what stands beside ours is nobody's business", () => {
  it("an uninstalling leaves what was put beside ours later, and the comments", () => {
    const text = `{
  "hooks": {
    // who is told what
    "SessionStart": [
      { "hooks": [
        { "type": "command", "command": "state-syncd hook session-start" }, // ours
        { "type": "command", "command": "./mine.sh" } // mine
      ] }
    ]
  }
}
`;
    expect(uninstallHooks(text).text).toBe(`{
  "hooks": {
    // who is told what
    "SessionStart": [
      { "hooks": [ // ours
        { "type": "command", "command": "./mine.sh" } // mine
      ] }
    ]
  }
}
`);
  });

  it("a comment to the end of a line swallows nothing when what follows is taken out", () => {
    const text =
      '{"hooks": {"Stop": [], // mine\n"SessionStart": [{"hooks": [{"command": "state-syncd hook session-start"}]}]}}';
    expect(uninstallHooks(text).text).toBe('{"hooks": {"Stop": [] // mine\n}}');
  });
});

describe("settings that are not understood are left alone", () => {
  it.each([
    ["{\n  nonsense\n}", 2, 3, "not valid JSON"],
    ['{"a": 1', 1, 8, "close brace expected"],
    ["[]", 1, 1, "the settings must be an object"],
    ['{"hooks": []}', 1, 11, "`hooks` must be an object"],
    ['{\n "hooks": {"PostToolUse": {}}}', 2, 27, "`hooks.PostToolUse` must be a list"],
    ['{"hooks": {"PostToolUse": ["x"]}}', 1, 28, "must be an object"],
    ['{"hooks": {"PostToolUse": [{"matcher": "*"}]}}', 1, 28, "are missing"],
    ['{"hooks": {"SessionStart": [{"hooks": {}}]}}', 1, 39, "must be a list"],
    ['{"hooks": {},\n"hooks": {}}', 2, 1, "`hooks` stands there twice"],
    ["// nothing", 1, 11, "value expected"],
    ['\uFEFF{"a" 1}', 1, 6, "colon expected"],
  ])("%s", (text, line, column, message) => {
    for (const change of [install, uninstallHooks, withoutOldHooks, findHooks]) {
      let error: unknown;
      try {
        change(text);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(SettingsError);
      expect(error).toMatchObject({ line, column });
      expect((error as SettingsError).message).toContain(message);
    }
  });

  it("but events that we do not use may be of any shape", () => {
    const text = '{"hooks": {"Later": {"new": "shape"}, "Other": [1, {"hooks": [2, {"command": 3}]}]}}';
    expect(uninstallHooks(install(text)).text).toBe(text);
  });
});

describe("the old utility's hooks", () => {
  it("give way to ours where they do nothing else", () => {
    const text = after("bash .claude/hooks/checkpoint_reminder.sh");
    const edit = installHooks(text, { program: PROGRAM, every: 15, replaceOld: true });
    expect(edit.changes.map(({ kind }) => kind)).toEqual(["removed old", "added", "added", "added"]);
    expect(edit.text).not.toContain("checkpoint_reminder");
    expect(commands(edit.text)).toContain(
      "/usr/bin/node /usr/lib/state-syncd.cjs hook checkpoint --every 15",
    );
  });

  it("stay where nobody wants them replaced", () => {
    const text = after("bash .claude/hooks/checkpoint_reminder.sh");
    const installed = install(text);
    expect(findHooks(installed).old).toMatchObject([
      {
        event: "PostToolUse",
        matcher: "Write|Edit",
        line: 9,
        call: { kind: "checkpoint script", whole: true },
      },
    ]);
    expect(uninstallHooks(installed).text).toBe(text);
  });

  it("are named, and never touched, where they are only a part of a command", () => {
    const text = after("./format.sh && python utils/state_sync.py sync karematch", "./lint.sh");
    expect(withoutOldHooks(text)).toEqual({ text, changes: [] });
    expect(findHooks(text).old).toMatchObject([{ call: { kind: "sync script", whole: false } }]);
  });

  it("leave what stands in the same group", () => {
    const text = after("sh .claude/hooks/checkpoint_reminder.sh", "./lint.sh");
    expect(withoutOldHooks(text).text).toBe(after("./lint.sh"));
  });
});
