import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GLOBAL_OPTIONS, ROOT } from "../../src/cli/commands.ts";
import { type Command, command, dashed, type Family, isFamily, usageOf } from "../../src/cli/definition.ts";
import { optionsOf, reach } from "../../src/cli/reach.ts";
import { EXIT } from "../../src/errors.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeAll(async () => {
  workspace = await Workspace.create({ repos: { alpha: {}, beta: {} } });
});
afterAll(async () => {
  await workspace.dispose();
});

/** Every command with the words that call it. */
function everyCommand(family: Family = ROOT, before: readonly string[] = []): [string, Command][] {
  return Object.entries(family.commands).flatMap(([name, node]): [string, Command][] =>
    isFamily(node) ? everyCommand(node, [...before, name]) : [[[...before, name].join(" "), node]],
  );
}

describe("the help of every command is made from its definition", () => {
  it.each(everyCommand())("%s: its usage, options, examples and exit codes", async (name, node) => {
    const { code, stdout, stderr } = await workspace.run([...name.split(" "), "--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n")[0]).toBe(`state-syncd ${usageOf(name, node.positionals)}`);
    for (const key of Object.keys({ ...node.options, ...GLOBAL_OPTIONS }))
      expect(stdout).toMatch(new RegExp(`^ .*--${dashed(key)} `, "m"));
    for (const [key, { type }] of Object.entries(node.options))
      if (type === "toggle") expect(stdout).toContain(`--no-${dashed(key)}`);
    expect(stdout.indexOf("Everywhere:")).toBeGreaterThan(stdout.indexOf("Options:"));
    // Long lines are broken.
    const flat = stdout.replaceAll(/\s+/g, " ");
    for (const { line } of node.examples) expect(flat).toContain(`state-syncd ${line.split(" ")[0] ?? ""}`);
    expect(stdout).toContain("Examples:\n");
    expect(stdout).toMatch(/Exit status:\n {2}0 {2}/);
  });

  it("and every line of an example is one that its command takes", () => {
    for (const [name, node] of everyCommand())
      for (const { line } of node.examples) {
        const words = line.replace(/ (?:[|>]|>>) .*$/, "").split(" ");
        expect(reach(words).names.join(" ")).toBe(name);
        const options = Object.entries(optionsOf(node)).flatMap(([key, { short }]) => [
          `--${dashed(key)}`,
          `-${short}`,
        ]);
        for (const word of words.filter((one) => one.startsWith("-"))) expect(options).toContain(word);
      }
  });
});

describe("a line that is not right: what is wrong with it, and the help of that very command", () => {
  it.each([
    ["toString", "Unknown command: toString.", "Commands are: run, sync"],
    ["__proto__", "Unknown command: __proto__.", "Commands are: run, sync"],
    ["repos", "repos needs one of: list, add, remove", "repos --help"],
    ["repos lst", "Unknown command: repos lst. Did you mean list?", "repos --help"],
    ["repos add", "`state-syncd repos add` leaves out <path>", "repos add --help"],
    ["repos add x --rol passive", "Unknown argument: rol. Did you mean --role?", "repos add --help"],
    ["--config x repos add", "leaves out <path>", "repos add --help"],
    [
      "repos add x --role boss",
      '--role cannot be "boss": it is one of execution, passive',
      "repos add --help",
    ],
    ["explain alhpa", "Unknown repo: alhpa. Did you mean alpha? Registered are: alpha, beta", "repos add"],
    ["explain alpha beta", "`state-syncd explain` takes no beta", "explain --help"],
    ["pull --from", "--from needs a value", "pull --help"],
    ["pull --from alpha --from beta", "--from is given more than once", "pull --help"],
    ["config check --config a --config b", "--config is given more than once", "config check --help"],
    // What only the command itself can see.
    ["pull --raw", "--raw prints one peer's state", "pull --help"],
    ["pause alpha --for soon", "--for soon: must be a duration", "pause --help"],
    ["logs --since never", "--since never: must be", "logs --help"],
    ["--nope", "no command is named", "state-syncd --help"],
    ["--dry-run sync", "options of a command follow its name: `state-syncd sync --dry-run`", "sync --help"],
    ["status alpha", "`state-syncd status` takes no alpha\n", "status --help"],
    ["logs alpha", "`state-syncd logs` takes no alpha. Did you mean --repo alpha?", "logs --help"],
    ["init some/where", "takes no some/where. Did you mean --scan some/where?", "init --help"],
    ["logs --since yesterday", "must be a duration such as 10m", "logs --help"],
    ["pause alpha --for 2x", "must be a duration such as 30m", "pause --help"],
    ["pull alpha --raw", "--raw prints one peer's state", "pull --help"],
    ["sync --all alpha", "--all takes no names", "sync --help"],
    ["repos add . --dry-run", "Unknown argument: dry-run.", "repos add --help"],
    ["repos add . --dry-run --no-ask", "Unknown arguments: dry-run, ask.", "repos add --help"],
    ["hook print --budget ten", "--budget: must be a whole number of characters", "hook print --help"],
    ["pull --digest --budget ten", "--budget: must be a whole number of characters", "pull --help"],
    ["repos add /no/where", "there is no directory /no/where", "repos add --help"],
  ])("%s", async (line, what, help) => {
    const { code, stdout, stderr } = await workspace.run(line.split(" "));
    expect([code, stdout]).toEqual([EXIT.usage, ""]);
    expect(stderr).toContain(what);
    expect(stderr).toContain(help);
    expect(stderr).not.toContain("internal error");
  });
});

it("whoever calls it for the first time is told where to begin", async () => {
  const { code, stderr } = await workspace.run([]);
  expect(code).toBe(EXIT.usage);
  const [, beginning = ""] = stderr.split("To begin:\n");
  expect(beginning.match(/^ {2}state-syncd [a-z]+(?: [a-z]+)?/gm)?.map((line) => line.trim())).toEqual([
    "state-syncd init",
    "state-syncd service install",
    "state-syncd status",
  ]);
});

it.each(["session-start", "prompt", "checkpoint"])(
  "hook %s ends with 0 whatever happens, and its help says so",
  async (hook) => {
    const { stdout } = await workspace.run(["hook", hook, "--help"]);
    expect(stdout.split("Exit status:\n")[1]).toBe(
      "  0  whatever happens: no turn of an agent ends for its sake\n",
    );
  },
);

it.each([
  ["start", "Unknown command: start. Did you mean service start?"],
  ["uninstall", "Unknown command: uninstall. Did you mean service uninstall or hook uninstall?"],
  ["list", "Unknown command: list. Did you mean repos list?"],
  ["sycn", "Unknown command: sycn. Did you mean sync?"],
])("a command of a family that is called without the family: %s", async (line, what) => {
  const { code, stderr } = await workspace.run([line]);
  expect(code).toBe(EXIT.usage);
  expect(stderr).toContain(what);
});

it("an example that a help breaks in two cannot be copied: each is whole", async () => {
  for (const [name, { examples }] of everyCommand()) {
    const { stdout } = await workspace.run([...name.split(" "), "--help"]);
    const [, examplesOn = ""] = stdout.split("Examples:\n");
    const lines = examplesOn.split("\n").map((line) => line.trim());
    for (const { line, tells } of examples) {
      const at = lines.findIndex((candidate) => candidate.startsWith(`state-syncd ${line}`));
      expect(at, line).toBeGreaterThan(-1);
      expect(`${lines[at] ?? ""} ${lines[at + 1] ?? ""}`).toContain(tells);
    }
  }
});

describe("what a command gets", () => {
  const seen: unknown[] = [];
  const every = command({
    describe: "takes one of each kind",
    positionals: { one: { describe: "", required: true }, more: { describe: "", many: true } },
    options: {
      isFlag: { type: "flag", describe: "" },
      toggle: { type: "toggle", describe: "" },
      count: { type: "number", value: "N", describe: "" },
      list: { type: "texts", value: "T", describe: "" },
      level: { type: "text", value: "L", choices: ["low", "high"], default: "low", describe: "" },
      text: { type: "text", value: "T", describe: "" },
    },
    examples: [{ line: "", tells: "" }],
    run: async (args) => {
      // What the types promise; this would not compile otherwise.
      const typed: readonly [
        string,
        readonly string[],
        boolean,
        boolean | undefined,
        number | undefined,
        readonly string[] | undefined,
        "low" | "high",
        string | undefined,
      ] = [args.one, args.more, args.isFlag, args.toggle, args.count, args.list, args.level, args.text];
      seen.push(typed);
      return EXIT.ok;
    },
  });
  const context = {} as Parameters<Command["run"]>[1];

  it("is what its definition promises, where an option is left out too", async () => {
    await every.run({ one: "a" }, context);
    expect(seen.at(-1)).toEqual(["a", [], false, undefined, undefined, undefined, "low", undefined]);
  });

  it.each([
    [{}],
    [{ one: "a", isFlag: "yes" }],
    [{ one: "a", text: ["x", "y"] }],
    [{ one: "a", level: "middle" }],
    [{ one: "a", list: "x" }],
    [{ one: "a", more: "x" }],
  ])("and a value of another kind is refused: %j", async (given) => {
    await expect(every.run(given, context)).rejects.toThrow("given more than once, or not as it should be");
  });
});
