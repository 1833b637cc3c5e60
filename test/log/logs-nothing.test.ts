import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { inJournal, namesOf, useLogsScene } from "../support/logs-scene.ts";

const scene = useLogsScene();

describe("logs that have nothing to show", () => {
  const config = (text: string): void => {
    mkdirSync(scene.directory.at(".config", "state-syncd"), { recursive: true });
    writeFileSync(scene.directory.at(".config", "state-syncd", "config.yaml"), text);
  };
  beforeEach(() => {
    scene.journalctl.holds([inJournal(90, "gone")]);
    scene.inFile(60, "alpha");
    mkdirSync(scene.directory.at("repos", "beta"), { recursive: true });
    config(`version: 1\nrepos:\n  beta: { path: ${scene.directory.at("repos", "beta")} }\n`);
  });

  it.each<[string, readonly string[], number, string | RegExp]>([
    [
      "of a repo that nobody knows",
      ["--repo", "nope"],
      2,
      /^state-syncd: Unknown repo: nope\. No line of the log is about it\. Registered are: beta\n/,
    ],
    ["of a registered repo", ["--repo", "beta"], 0, "No line of the log about beta matches.\n"],
    [
      "of a repo that was removed, of late",
      ["--repo", "gone", "--since", "5m"],
      0,
      "No line of the log about gone matches.\n",
    ],
    ["of a level", ["--level", "error"], 0, "No line of the log matches.\n"],
    ["of late", ["--since", "1m"], 0, "No line of the log matches.\n"],
    ["for it is not wanted", ["-n", "0"], 0, ""],
  ])("%s say so", async (_case, args, code, told) => {
    const logs = scene.start(args);
    expect(await logs.end()).toBe(code);
    expect(logs.out).toBe("");
    if (typeof told === "string") expect(logs.err).toBe(told);
    else expect(logs.err).toMatch(told);
  });

  it("of a repo that nobody knows say so where none is registered, and where that is not known", async () => {
    config("version: 1\nrepos: {}\n");
    const none = scene.start(["--repo", "nope"]);
    expect([await none.end(), none.err.split("\n")[0]]).toEqual([
      2,
      "state-syncd: Unknown repo: nope. No line of the log is about it. Registered are: none",
    ]);
    config("version: [\n");
    const unknown = scene.start(["--repo", "nope"]);
    expect(await unknown.end()).toBe(0);
    expect(unknown.err).toMatch(
      /^No line of the log about nope matches\. Which repos are registered is not known: .*\n$/,
    );
    const known = scene.start(["--repo", "alpha", "--json"]);
    expect(await known.end()).toBe(0);
    expect(namesOf(known.out)).toEqual(["alpha"]);
    expect(known.err).toBe("");
  });

  it("wait for a repo that nobody knows where they follow, and say so", async () => {
    const logs = scene.start(["-f", "--json", "--repo", "soon"]);
    await eventually("the word", () =>
      logs.err.startsWith("Unknown repo: soon. No line of the log is about it."),
    );
    scene.inFile(0, "soon");
    await eventually("the line", () => namesOf(logs.out).join() === "soon");
    logs.signal("SIGINT");
    expect(await logs.end()).toBe(0);
  });

  it("but a log without lines say that it is empty", async () => {
    rmSync(scene.logFile);
    writeFileSync(scene.logFile, "");
    scene.journalctl.holds([]);
    const logs = scene.start([]);
    expect(await logs.end()).toBe(0);
    expect(logs.err).toBe("The log is empty.\n");
  });
});
