import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FaultError } from "../../src/errors.ts";
import { fillPlist, isOurs, LABEL, readPlist } from "../../src/service/plist.ts";
import { readTemplate } from "../../src/service/template.ts";
import { mistakesIn, readJob } from "../support/launchd-job.ts";

const FILE = `/Users/somebody/Library/LaunchAgents/${LABEL}.plist`;
const template = await readTemplate("launchd/io.github.state-syncd.plist");

function program(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const [node = "", script = "", ...args] = words;
  return { node, script, args, environment, warnings: [] };
}

function filled(words: readonly string[], environment = {}, output = "/Users/somebody/Library/Logs/x.log") {
  return fillPlist(template, { program: program(words, environment), output });
}

const good = filled(["/opt/node", "/opt/state-syncd", "run"]);

/** The good one with one thing changed, which must be there to be changed. */
function broken(what: string | RegExp, by: string): string {
  const text = good.replace(what, () => by);
  if (text === good) throw new Error(`nothing to change: ${String(what)}`);
  return text;
}

describe("launchd's file as it is installed", () => {
  it("is right, as the template is that is filled in by hand", () => {
    expect(mistakesIn(good, FILE)).toEqual([]);
    expect(mistakesIn(template, FILE)).toEqual([]);
  });

  it("holds its values, tells that it is ours, and nothing of what the template says to those who fill it in", () => {
    const text = filled(["/n", "/s", "run"], { XDG_STATE_HOME: "/state" }, "/logs/out.log");
    expect(readJob(text, FILE)).toEqual({
      label: LABEL,
      command: ["/n", "/s", "run"],
      environment: {
        PATH: "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        XDG_STATE_HOME: "/state",
      },
      output: "/logs/out.log",
      errors: "/logs/out.log",
      throttleSeconds: 10,
      exitSeconds: 20,
    });
    expect([isOurs(text), isOurs(template)]).toEqual([true, false]);
    expect(text).not.toMatch(/by hand|\/Users\/you|\/usr\/local\/bin\/node/i);
  });

  it.each([
    "a b",
    "100%",
    "%h",
    "$",
    "$&",
    "$1",
    "$$",
    "it's",
    'so "called"',
    "a & b",
    "&amp;",
    "&#13;",
    "<string>",
    "</string>",
    "-->",
    "]]>",
    "Größe/Übung",
    "u\u0308ber",
    "emoji 👩‍💻",
    "新しい",
    "tab\there",
    "line\nbreak",
    "carriage\rreturn",
    "\\",
    "`id`",
    "~",
  ])("carries %j to exactly the same, in each place", (odd) => {
    const words = [`/opt/${odd}/node`, `/opt/x${odd}`, "run", "--config", odd, ""];
    const text = filled(words, { XDG_CONFIG_HOME: odd, [`NAME ${odd}`]: "x" }, `/Users/${odd}x/out.log`);
    expect(mistakesIn(text, FILE)).toEqual([]);
    const { command, environment, output, errors } = readJob(text, FILE);
    expect(command).toEqual(words);
    expect(environment).toMatchObject({ XDG_CONFIG_HOME: odd, [`NAME ${odd}`]: "x" });
    expect([output, errors]).toEqual([`/Users/${odd}x/out.log`, `/Users/${odd}x/out.log`]);
    // What the program reads of its own file is the same.
    expect(readPlist(text)).toEqual({ command, environment });
  });

  it.each(["\0", "\u0007", "\u001b[31m", "\u000b", "\ufffe", "\uffff", "\ud800", "\udc00x"])(
    "refuses %j, which XML cannot carry",
    (odd) => {
      for (const make of [
        () => filled([`/opt/${odd}`, "/s"]),
        () => filled(["/n", "/s"], { A: odd }),
        () => filled(["/n", "/s"], {}, `/${odd}`),
      ])
        expect(make).toThrow(FaultError);
    },
  );

  it("keeps the values that a restart, a crash loop and a stop depend on in one place: the template", () => {
    const readme = readFileSync("launchd/io.github.state-syncd.plist", "utf8");
    for (const key of ["SuccessfulExit", "ThrottleInterval", "ExitTimeOut", "Umask", "NumberOfFiles"])
      expect(readme.split(`<key>${key}</key>`)).toHaveLength(2);
  });

  it("is refused where the template has lost a place for a value", () => {
    const maimed = template.replace("<key>ProgramArguments</key>", "<key>Program</key>");
    expect(() => fillPlist(maimed, { program: program(["/n", "/s"]), output: "/o" })).toThrow(/template/);
  });
});

describe("the checker of launchd's files, so that it can be believed", () => {
  it.each<[hazard: string, text: string, tells: RegExp]>([
    ["a raw ampersand", broken("/opt/node", "/opt/a & b"), /./],
    ["a raw <", broken("/opt/node", "/opt/a<b"), /./],
    ["a word as an integer", broken("<integer>10<", "<integer>ten<"), /ten/],
    ["a real as an integer", broken("<integer>10<", "<integer>1.5<"), /1\.5/],
    ["an unknown key", broken("<key>Umask</key>", "<key>Mask</key>"), /Mask/],
    ["a misspelt key", broken("<key>KeepAlive</key>", "<key>KeepAlives</key>"), /KeepAlives/],
    ["a misspelt key deeper in", broken("SuccessfulExit", "SuccesfulExit"), /SuccesfulExit/],
    [
      "a string for a bool",
      broken(/(<key>RunAtLoad<\/key>\s*)<true\/>/, "<key>RunAtLoad</key><string>true</string>"),
      /RunAtLoad/,
    ],
    ["a string for an integer", broken("<integer>10</integer>", "<string>10</string>"), /ThrottleInterval/],
    ["a relative program", broken("/opt/node", "node"), /absolute/],
    ["a relative script", broken("/opt/state-syncd", "./state-syncd"), /absolute/],
    ["a ~ in a path", broken("/Users/somebody/Library", "~/Library"), /absolute/],
    ["$HOME in a path", broken("/Users/somebody/Library", "$HOME/Library"), /absolute/],
    ["$HOME further on in a path", broken("/opt/node", "/opt/$HOME/node"), /expand/],
    [
      "another Label than the file's name",
      broken(`<string>${LABEL}<`, "<string>com.example.other<"),
      /Label/,
    ],
    ["no Label", broken(/<key>Label<\/key>\s*<string>.*?<\/string>/, ""), /Label/],
    ["a key twice", broken("<key>Umask</key>", "<key>RunAtLoad</key><true/><key>Umask</key>"), /twice/],
    [
      "no ProgramArguments",
      broken(/<key>ProgramArguments<\/key>\s*<array>.*?<\/array>/s, ""),
      /ProgramArguments/,
    ],
    ["empty ProgramArguments", broken(/(?<=<array>).*?(?=<\/array>)/s, ""), /ProgramArguments/],
    ["truncated XML", good.slice(0, -20), /./],
    ["truncated in the middle", good.slice(0, good.length / 2), /./],
    ["nothing at all", "", /./],
    [
      "an array where a dict belongs",
      broken(
        /<key>KeepAlive<\/key>\s*<dict>.*?<\/dict>/s,
        "<key>KeepAlive</key><array><string>SuccessfulExit</string></array>",
      ),
      /KeepAlive/,
    ],
    [
      "a string where an array belongs",
      broken(/<array>.*?<\/array>/s, "<string>/opt/node</string>"),
      /ProgramArguments/,
    ],
    [
      "KeepAlive true, which starts again after exit 0",
      broken(/<key>KeepAlive<\/key>\s*<dict>.*?<\/dict>/s, "<key>KeepAlive</key><true/>"),
      /KeepAlive/,
    ],
    ["SuccessfulExit true, which does the same", broken("<false/>", "<true/>"), /KeepAlive/],
    [
      "WatchPaths",
      broken("<key>Umask</key>", "<key>WatchPaths</key><array><string>/x</string></array><key>Umask</key>"),
      /WatchPaths/,
    ],
    ["a key without a value", broken("<true/>\n  <key>KeepAlive", "<key>KeepAlive"), /no value/],
    ["a value without a key", broken("<key>RunAtLoad</key>", ""), /key/],
    ["loose text", broken("<dict>", "<dict>\n  oops"), /oops/],
    ["two values", broken("</dict>\n</plist>", "</dict><dict/></plist>"), /exactly one/],
    ["no dict", '<plist version="1.0"><array/></plist>', /no dict/],
    ["an unknown ProcessType", broken("Background", "background"), /ProcessType/],
  ])("finds %s", (_hazard, text, tells) => {
    const found = mistakesIn(text, FILE);
    expect(found.join("\n")).toMatch(tells);
    expect(found).not.toEqual([]);
  });
});
