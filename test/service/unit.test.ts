import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { activityOf, ownDirectory, parseShown, timeOf } from "../../src/service/unit-state.ts";
import {
  commandOf,
  environmentOf,
  execStart,
  fillUnit,
  MARK,
  unitPath,
  unitWord,
} from "../../src/service/unit.ts";
import { readTemplate } from "../../src/service/template.ts";

/** Whatever a path may hold that a unit can name. */
const word = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text));

describe("a command line in a unit", () => {
  it.each([
    [["/usr/bin/node", "/opt/s", "run"], ':"/usr/bin/node" "/opt/s" "run"'],
    [["/a b/node", "50%n"], ':"/a b/node" "50%%n"'],
    [["/$HOME/node", "${PATH}"], ':"/$HOME/node" "${PATH}"'],
    [["/n", String.raw`a\b"c`], String.raw`:"/n" "a\\b\"c"`],
    // systemd takes no quote and no backslash in the name of the program itself.
    [["/it's/node", "x"], `:"/usr/bin/env" "/it's/node" "x"`],
    [['/a"b/node', "x"], String.raw`:"/usr/bin/env" "/a\"b/node" "x"`],
  ])("%j", (command, written) => {
    expect(execStart(command)).toBe(written);
    expect(commandOf(`ExecStart=${written}`)).toEqual(command);
  });

  it("comes back from the unit as it went in, whatever is in it", async () => {
    const template = await readTemplate("systemd/state-syncd.service");
    const settings = (unit: string): string[] =>
      unit.split("\n").filter((line) => /^(?:ExecStart|Environment)=/.test(line));
    fc.assert(
      fc.property(word, word, fc.array(word), word, (node, script, args, value) => {
        const environment = { XDG_STATE_HOME: value };
        const unit = fillUnit(template, { node: `/${node}`, script, environment }, args);
        expect(commandOf(unit)).toEqual([`/${node}`, script, ...args]);
        expect(environmentOf(unit)).toEqual(environment);
        expect(unit.startsWith(MARK)).toBe(true);
        // One line each: nothing that a path holds begins another setting.
        expect(settings(unit)).toHaveLength(settings(template).length + 1);
      }),
    );
  });

  it.each(["a\nExecStartPre=/bin/evil", "tab\there", "\u001b[2J", "nul\0"])("refuses %j", (text) => {
    expect(() => unitWord(text)).toThrow("a unit cannot name");
    expect(() => unitPath(text)).toThrow("a unit cannot name");
  });

  it("is told of a unit that is none of ours by nothing", () => {
    expect(commandOf("[Service]\nExecStart=/bin/true\n")).toEqual([]);
    expect(environmentOf("[Service]\n")).toEqual({});
  });
});

describe("what systemctl shows", () => {
  it("is read by names, with what follows the first equals sign", () => {
    expect(parseShown("StatusText=a=b, c\nMainPID=12\n\nResult=\n")).toEqual({
      StatusText: "a=b, c",
      MainPID: "12",
      Result: "",
    });
  });

  it.each([
    ["active", "running"],
    ["activating", "starting"],
    ["deactivating", "stopping"],
    ["reloading", "reloading"],
    ["failed", "failed"],
    ["inactive", "stopped"],
    ["maintenance", "stopped"],
    ["", "stopped"],
  ])("%s is %s", (shown, activity) => {
    expect(activityOf(shown)).toBe(activity);
  });

  it.each([
    ["Thu 2026-11-26 17:32:52 UTC", "2026-11-26T17:32:52Z"],
    ["", null],
    ["n/a", null],
  ])("the time %j is %j", (shown, iso) => {
    expect(timeOf(shown)).toBe(iso);
  });
});

describe("the user's own directory of units", () => {
  it.each([
    [
      "/home/me/.config/systemd/user.control /run/user/7/systemd/user.control /home/me/.config/systemd/user",
      "/home/me/.config/systemd/user",
    ],
    [
      "/data/me/cfg/systemd/user.control /run/user/7/systemd/user.control /etc/systemd/user",
      "/data/me/cfg/systemd/user",
    ],
    ["[unprintable] /run/user/7/systemd/user.control [unprintable] /etc/systemd/user", undefined],
    ["", undefined],
  ])("is the one that the manager has, whatever a shell says: %s", (unitPath, own) => {
    expect(ownDirectory(unitPath)).toBe(own);
  });
});
