import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { stays } from "../support/stays.ts";
import { hasTerminals, Terminal } from "../support/terminal.ts";
import { SCRIPT, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { payments: {}, storefront: {}, web: {} } });
  for (const name of ["payments", "storefront", "web"]) await workspace.save(name, `# ${name}\n`);
});
afterEach(async () => {
  await workspace.dispose();
});

const TRAVELLED = /^\d\d:\d\d:\d\d payments -> (?:storefront, )?web(?:, storefront)? {2}\d+ (?:ms|s)$/;

describe.skipIf(!hasTerminals)("status --watch on a terminal (skipped where tmux is not installed)", () => {
  let terminal: Terminal;
  beforeEach(async () => {
    terminal = await Terminal.open(workspace, { columns: 80, rows: 24 });
  });
  afterEach(() => terminal.close());

  /** Watches, with something on the first screen to come back to. */
  async function watching(): Promise<void> {
    terminal.type("echo before\n");
    await terminal.shows(/^before$/);
    terminal.run("status", "--watch");
    await terminal.shows(/q or \^C ends/);
  }

  async function expectRestored(): Promise<string[]> {
    await eventually("the shell to ask for more", () => {
      const lines = terminal.lines();
      if (!terminal.isOnSecondScreen && lines.findLast((line) => line !== "") === "$") return true;
      throw new Error(lines.join("\n"));
    });
    terminal.type("echo code $?\n");
    const lines = await terminal.shows(/^code \d+$/);
    expect(lines).toContain("before");
    expect(lines.join("\n")).not.toContain("edges fresh");
    expect(terminal.cursorIsShown).toBe(true);
    expect(terminal.isOnSecondScreen).toBe(false);
    return lines;
  }

  it("shows how things are and what travels, without a cursor, and leaves no trace at ^C", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    await watching();
    await terminal.shows(/^healthy: 6 of 6 edges fresh/);
    expect([terminal.cursorIsShown, terminal.isOnSecondScreen]).toEqual([false, true]);
    await workspace.save("payments", "# payments\n\nnews\n");
    const lines = await terminal.shows(TRAVELLED);
    expect(lines.join("\n")).toMatch(/^payments +fresh +.* 2 of 2 +2 of 2$/m);
    expect(terminal.scrolledAway).toBe(0);
    terminal.press("C-c");
    expect(await expectRestored()).toContain("code 0");
  });

  it("ends at q, and what is typed does not stand in the picture", async () => {
    await watching();
    terminal.type("xyz");
    await workspace.save("payments", "# payments\n\nnews\n");
    await terminal.shows(/^payments +missing|^payments +stale/);
    expect(terminal.lines().join("\n")).not.toContain("xyz");
    terminal.type("q");
    expect(await expectRestored()).toContain("code 3");
  });

  it.each(["SIGTERM", "SIGHUP"])("gives the terminal back at %s", async (signal) => {
    await watching();
    process.kill(terminal.foreground, signal);
    expect(await expectRestored()).toContain("code 3");
  });

  it("gives the terminal back at a crash, with the reason on it", async () => {
    const source = `setTimeout(() => { throw new Error("a defect of a test"); }, 1500)`;
    const url = `data:text/javascript;base64,${Buffer.from(source).toString("base64")}`;
    terminal.type(`echo before; export NODE_OPTIONS='--import=${url}'; clear; echo before\n`);
    await terminal.shows(/^before$/);
    terminal.run("status", "--watch");
    const lines = await terminal.shows(/Error: a defect of a test/);
    expect(lines.join("\n")).not.toContain("edges fresh");
    await eventually("the cursor to be there", () => terminal.cursorIsShown && !terminal.isOnSecondScreen);
  });

  it("comes back after ^Z and fg", async () => {
    await watching();
    terminal.press("C-z");
    await eventually("the first screen", () => !terminal.isOnSecondScreen && terminal.cursorIsShown);
    terminal.type("fg\n");
    await eventually("the second screen", () => terminal.isOnSecondScreen && !terminal.cursorIsShown);
    await terminal.shows(/edges fresh/);
    terminal.press("C-c");
    await expectRestored();
  });

  it("says that no daemon runs, meets one that comes, and one that comes again", async () => {
    await watching();
    await terminal.shows(/^No daemon runs: nothing travels/);
    const first = await workspace.startDaemon();
    await terminal.shows(/^healthy: /);
    await first.stop();
    await terminal.shows(/the daemon went away$/);
    await terminal.shows(/^down: /);
    await workspace.startDaemon();
    await terminal.shows(/a daemon is there again$/);
    await terminal.shows(/^healthy: /);
    await workspace.save("payments", "# payments\n\nlater\n");
    await terminal.shows(TRAVELLED);
  });

  it("follows the terminal's size, and never scrolls it", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    await watching();
    for (const size of [
      { columns: 40, rows: 8 },
      { columns: 120, rows: 40 },
      { columns: 30, rows: 5 },
    ]) {
      terminal.resize(size);
      await eventually("a picture of that size", () => {
        const lines = terminal.lines();
        const shown = lines.filter((line) => line !== "");
        const { columns, rows } = size;
        if (!shown.some((line) => line.startsWith("healthy"))) throw new Error(lines.join("\n"));
        return lines.length <= rows + 1 && shown.every((line) => line.length <= columns);
      });
      await terminal.shows(/q or \^C ends/);
    }
    // What the terminal itself pushed away when it became smaller is not ours.
    const before = terminal.scrolledAway;
    await stays("nothing scrolled", () => terminal.scrolledAway === before, 2_500);
  });

  it("asks the daemon once a second at most, however much happens", async () => {
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    await workspace.healthy();
    await watching();
    const asked = async (): Promise<number[]> =>
      (await workspace.log())
        .filter((line) => line["path"] === "/status" && line["method"] === "GET")
        .map((line) => Date.parse(String(line["time"])));
    const before = (await asked()).length;
    for (let save = 0; save < 40; save += 1) {
      await workspace.save("payments", `# payments\n\n${save}\n`);
      await workspace.arrives("payments", ["web"], `# payments\n\n${save}\n`);
    }
    const times = await eventually("some looks", async () => {
      const all = (await asked()).slice(before);
      return all.length >= 3 && all;
    });
    const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    // An answer that takes long is logged late; over all it is no more than one a second.
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(mean).toBeGreaterThan(900);
  });
});

describe("status --watch where there is no terminal", () => {
  interface Printed {
    readonly text: () => string;
    readonly end: () => Promise<number | null>;
  }

  function printing(...args: string[]): Printed {
    const child = spawn(process.execPath, [SCRIPT, "status", "--watch", ...args], {
      env: workspace.env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const closed = once(child, "close");
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    return {
      text: () => text,
      end: async () => {
        child.kill("SIGINT");
        await closed;
        return child.exitCode;
      },
    };
  }

  it("prints a report each time that something is different, and none for the clock", async () => {
    await workspace.startDaemon();
    await workspace.healthy();
    const { text, end } = printing();
    const reports = (): number => text().match(/edges fresh/g)?.length ?? 0;
    await eventually("a report", () => reports() === 1);
    await workspace.save("payments", "# payments\n\nnews\n");
    await eventually("another", () => reports() >= 2);
    expect(text()).not.toContain("\u001b");
    expect(await end()).toBe(0);
  });

  it("--json prints one object a line, each second", async () => {
    const { text, end } = printing("--json");
    await eventually("three lines", () => text().split("\n").length > 3);
    for (const line of text().trim().split("\n"))
      expect(JSON.parse(line)).toMatchObject({ status: "down", repos: [{}, {}, {}] });
    expect(await end()).toBe(3);
  });
});
