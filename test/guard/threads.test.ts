import { performance } from "node:perf_hooks";
import { afterEach, describe, expect, it } from "vitest";
import { Guard } from "../../src/guard/guard.ts";
import { RuleError } from "../../src/guard/rule-error.ts";
import { Threads } from "../../src/guard/threads.ts";
import { eventually } from "../support/eventually.ts";
import { bundleProgram, endPrograms, Program, useTempDirectory } from "../support/temp-dir.ts";
import { MadeUp } from "./made-up.ts";

const directory = useTempDirectory();
afterEach(endPrograms);

const KB = 1024;
const token = `ghp_${new MadeUp(41).base62(36)}`;
/** Each of its matches looks to the end of the text for a better one. */
const FAR = { patterns: { far: "a.*b|a" }, allow: [] };
const ENDLESS = Buffer.from(`${token}${"a".repeat(300 * KB)}`);

describe("a user's pattern that takes for ever", () => {
  it("is given up at its deadline, by name and without the text, and holds nothing up meanwhile", async () => {
    const guard = await Guard.load(FAR, new Threads({ deadlineMs: 1_000 }));
    const turns: number[] = [];
    const timer = setInterval(() => turns.push(performance.now()), 10);
    const failure: unknown = await guard.inspect(ENDLESS).catch((error: unknown) => error);
    clearInterval(timer);
    expect(failure).toBeInstanceOf(RuleError);
    expect(String(failure)).toBe("RuleError: guard.patterns.far took more than 1 s; let it match less far");
    // One in ten of those that an idle machine gives.
    expect(turns.length).toBeGreaterThan(10);
  });

  it("in one single match is given up as well", async () => {
    const slow = { patterns: { slow: `(?:${"a?".repeat(100)}){9}[b-z]` }, allow: [] };
    const guard = await Guard.load(slow, new Threads({ deadlineMs: 1_000 }));
    const failure: unknown = await guard.inspect(Buffer.from("a".repeat(1024 * KB))).catch(String);
    expect(failure).toBe("RuleError: guard.patterns.slow took more than 1 s; let it match less far");
  });

  it("keeps other texts waiting for a moment and not for its deadline", async () => {
    const threads = new Threads({ deadlineMs: 5_000, patienceMs: 50 });
    const [stuck, other] = await Promise.all([Guard.load(FAR, threads), Guard.load(FAR, threads)]);
    let given = false;
    const endless = stuck.inspect(ENDLESS).catch(() => (given = true));
    const { secrets } = await other.inspect(Buffer.from(`${token}\n`));
    expect(secrets).toEqual([{ rule: "github-token", line: 1 }]);
    expect(given).toBe(false);
    await endless;
  });

  it("many times over is given up each time, and the texts that wait come to their turn", async () => {
    const guard = await Guard.load(FAR, new Threads({ deadlineMs: 4_000, patienceMs: 50 }));
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async (_, at) => {
        const body = at % 2 === 0 ? ENDLESS : Buffer.from(`${token} ${at}\n`);
        return await guard.inspect(body).then(
          ({ body: cleaned }) => cleaned.toString(),
          () => "given up",
        );
      }),
    );
    expect(outcomes).toEqual(
      Array.from({ length: 12 }, (_, at) => (at % 2 === 0 ? "given up" : `[REDACTED:github-token] ${at}\n`)),
    );
  });
});

describe("a thread's deadline", () => {
  it("counts no time in which this process stood still, as one does on a machine that sleeps", async () => {
    const script = await bundleProgram(
      directory.path,
      "stands-still",
      `import { Guard } from "./src/guard/guard.ts";
       import { Threads } from "./src/guard/threads.ts";
       const options = { patterns: { slow: "MRN(.*[0-9]{8})?" }, allow: [] };
       const guard = await Guard.load(options, new Threads({ deadlineMs: 8_000 }));
       const look = guard.inspect(Buffer.from("MRN ".repeat(2_000)));
       process.stdout.write("looking\\n");
       await look.then(({ secretCount }) => process.stdout.write(secretCount + "\\n"), (error) => process.stdout.write(error.message + "\\n"));`,
    );
    const program = new Program(process.execPath, [script]);
    await eventually("it to look", () => program.lines.length > 0);
    process.kill(program.pid, "SIGSTOP");
    const stopped = performance.now();
    await eventually("more than the deadline to pass", () => performance.now() - stopped > 8_500);
    process.kill(program.pid, "SIGCONT");
    expect(await program.end()).toBe(0);
    expect(program.lines).toEqual(["looking", "2000"]);
  });
});

describe("a long text", () => {
  it("loses a match of a user's pattern that is longer than any window", async () => {
    const options = { patterns: { notes: "(?s)<private>.*</private>" }, allow: [] };
    const guard = await Guard.load(options);
    const body = `${"before\n".repeat(30_000)}<private>${"x\n".repeat(100 * KB)}</private>\nafter\n`;
    const { body: cleaned, secrets } = await guard.inspect(Buffer.from(body));
    expect(cleaned.toString()).toBe(`${"before\n".repeat(30_000)}[REDACTED:notes]\nafter\n`);
    expect(secrets).toEqual([{ rule: "notes", line: 30_001 }]);
  });

  it("is judged in its thread as a short one is here, and given back as it came where nothing is wrong", async () => {
    const guard = await Guard.load({ patterns: {}, allow: [] });
    const clean = Buffer.from("a line of a state, done\n".repeat(8_000));
    expect((await guard.inspect(clean)).body).toBe(clean);
    const hidden = Buffer.from(`${clean.toString()}\u202E${token}\r\n`);
    const outcome = await guard.inspect(hidden);
    expect(outcome.body.toString()).toBe(`${clean.toString()}[U+202E][REDACTED:github-token]\r\n`);
    expect(outcome).toMatchObject({ secrets: [{ rule: "github-token", line: 8_001 }], hidden: 1 });
    // The caller's bytes are the caller's.
    expect(hidden.includes(token)).toBe(true);
  });

  it("with a number in every line is counted in full, and told of in part", async () => {
    const guard = await Guard.load(
      { patterns: { number: "[0-9]+" }, allow: [] },
      new Threads({ deadlineMs: 50_000 }),
    );
    const { secretCount, secrets } = await guard.inspect(Buffer.from("1 ".repeat(500_000)));
    expect(secretCount).toBe(500_000);
    expect(secrets).toHaveLength(1_000);
  });

  it("loses a key that is longer than a window, whole and encoded", async () => {
    const guard = await Guard.load({ patterns: {}, allow: [] });
    const line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n";
    const pem = `-----BEGIN PRIVATE KEY-----\n${line.repeat(250)}-----END PRIVATE KEY-----\n`;
    const encoded = Buffer.from(pem.repeat(5)).toString("base64");
    for (const before of [0, 20_000, 80_000, 90_000]) {
      const text = `${"word ".repeat(before / 5)}\n${encoded}\n${pem}end\n`;
      const { body } = await guard.inspect(Buffer.from(text));
      expect(body.toString().match(/MIIEvQI|[A-Za-z0-9+/=]{100}/g)).toBeNull();
    }
  });

  it("of the largest size that a config allows is looked through in time", async () => {
    const guard = await Guard.load({ patterns: {}, allow: [] });
    const body = Buffer.from(
      `${"- [x] **Done**: `src/a.ts`, see #12\n".repeat(440_000).slice(0, 15.9 * KB * KB)}\n${token}\n`,
    );
    const { secrets } = await guard.inspect(body);
    expect(secrets.map(({ rule }) => rule)).toEqual(["github-token"]);
  });
});

describe("the threads", () => {
  it("that have nothing to do let the process end, and work in hand does not", async () => {
    const script = await bundleProgram(
      directory.path,
      "looks",
      `import { Guard } from "./src/guard/guard.ts";
       const guard = await Guard.load({ patterns: { mine: "MRN-[0-9]+" }, allow: [] });
       void guard.inspect(Buffer.from("MRN-1 x".repeat(30000))).then(({ secretCount }) => {
         process.stdout.write(secretCount + " found\\n");
       });`,
    );
    const program = new Program(process.execPath, [script]);
    expect(await program.end()).toBe(0);
    expect(program.lines).toEqual(["30000 found"]);
  });

  it("end when they have had nothing to do for a while, and come back when there is", async () => {
    const script = await bundleProgram(
      directory.path,
      "rests",
      `import { readdirSync } from "node:fs";
       import { Guard } from "./src/guard/guard.ts";
       import { Threads } from "./src/guard/threads.ts";
       const tasks = () => readdirSync("/proc/self/task").length;
       const guard = await Guard.load({ patterns: { mine: "MRN-[0-9]+" }, allow: [] }, new Threads({ idleMs: 100 }));
       const look = () => guard.inspect(Buffer.from("MRN-1"));
       const say = (line) => process.stdout.write(line + "\\n");
       process.stdin.resume();
       process.stdin.on("end", () => process.exit(0));
       const before = tasks();
       await look();
       say(tasks() > before ? "more" : "none");
       const timer = setInterval(async () => {
         if (tasks() > before) return;
         clearInterval(timer);
         say("ended");
         say((await look()).body.toString());
       }, 20);`,
    );
    const program = new Program(process.execPath, [script]);
    await eventually("the thread to end and another to answer", () => program.lines.length === 3);
    expect(program.lines).toEqual(["more", "ended", "[REDACTED:mine]"]);
    program.finish();
    expect(await program.end()).toBe(0);
  });
});
