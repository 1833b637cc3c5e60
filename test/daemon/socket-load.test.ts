import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/core/snapshot.ts";
import { eventually } from "../support/eventually.ts";
import { goOn, HURT, threeRepos } from "../support/fault.ts";
import { UnrulyDisk } from "../support/unruly-disk.ts";
import type { Daemon, Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let daemon: Daemon;
let disk: UnrulyDisk;
let clients: Socket[];
beforeEach(async () => {
  clients = [];
  workspace = await threeRepos();
  disk = new UnrulyDisk(workspace);
  daemon = await workspace.startDaemon({ env: disk.env });
  await workspace.healthy();
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await workspace.dispose();
});

/** Connects, and says this much of a request. */
async function client(says = ""): Promise<Socket> {
  const socket = connect(workspace.paths.socket);
  socket.on("error", () => undefined);
  // Who does not read does not hear that it was cut either.
  socket.resume();
  clients.push(socket);
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), gone(socket)]);
  if (says !== "") socket.write(says);
  return socket;
}

async function gone(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

async function many(count: number, says = ""): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => client(says)));
}

function open(): number {
  return clients.filter((socket) => !socket.destroyed).length;
}

/** The status code for one who comes now, on a connection of his own. */
async function answered(path: string): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: workspace.paths.socket, path, agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** Who has a question gets an answer, soon; and the daemon does its work. */
async function servesOthers(): Promise<void> {
  for (const path of ["/healthz", "/status", "/metrics"]) {
    const asked = performance.now();
    expect(await answered(path)).toBe(200);
    expect(performance.now() - asked).toBeLessThan(5_000);
  }
  await goOn(workspace, `at ${performance.now()}\n`);
}

/** Resident memory at its most, in MB, where the system tells. */
async function peakMegabytes(): Promise<number> {
  if (process.platform !== "linux") return 0;
  const status = await readFile(`/proc/${daemon.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

const HEAD = "POST /sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n";

describe("connections that do nothing", () => {
  it("a thousand and more lock nobody out, and the oldest are cut when there are many", async () => {
    await many(1_000);
    await servesOthers();
    await many(1_000);
    await servesOthers();
    // One that comes when they have been idle for long enough takes their place.
    await eventually("the oldest to be cut", async () => {
      expect((await workspace.run(["status"])).code).toBe(0);
      return open() <= 256;
    });
    expect(clients.slice(0, 1_000).every((socket) => socket.destroyed)).toBe(true);
    expect(await peakMegabytes()).toBeLessThan(300);
  });

  it("listeners that do not read are let go when there are many of them", async () => {
    await many(200, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await eventually("the oldest to be let go", () => open() <= 64);
    for (const socket of clients) socket.pause();
    await servesOthers();
    expect(open()).toBeGreaterThan(0);
  });
});

describe("clients that are slow", () => {
  it.each([
    ["to say what they want", "GET /status HTTP/1.1\r\nHost: loc"],
    ["to send a body", `${HEAD}\r\n${" ".repeat(50_000)}`],
  ])("%s: 500 of them delay nobody and cost little", async (_what, beginning) => {
    await many(500, beginning);
    const trickle = setInterval(() => {
      for (const socket of clients) if (!socket.destroyed) socket.write(" ");
    }, 100);
    try {
      for (let round = 0; round < 5; round += 1) await servesOthers();
    } finally {
      clearInterval(trickle);
    }
    expect(await peakMegabytes()).toBeLessThan(300);
  });

  it("to read what they asked for: nobody else waits", async () => {
    const question = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    await many(300, question.repeat(20));
    for (const socket of clients) socket.pause();
    await servesOthers();
    expect(await peakMegabytes()).toBeLessThan(300);
  });
});

describe("requests that are not as they should be", () => {
  async function answerTo(words: string): Promise<string> {
    const socket = await client(words);
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    await gone(socket);
    return answer;
  }

  it("a head without end is refused", async () => {
    const answer = await answerTo(`GET /status HTTP/1.1\r\nX: ${"x".repeat(100_000)}`);
    // Or cut before it could be read.
    expect(["HTTP/1.1 431", ""]).toContain(answer.slice(0, 12));
    await servesOthers();
  });

  it("what is no HTTP at all is refused", async () => {
    expect(await answerTo("hello?\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    await servesOthers();
  });

  it("some in a row on one connection are answered in order, a flood of them is cut", async () => {
    const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
    const row = ["/healthz", "/nothing", "/healthz", "/nothing", "/healthz"]
      .map((path) => get(path))
      .join("");
    const answer = await answerTo(row + get("/nothing", "Connection: close\r\n"));
    const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);
    expect(statuses).toEqual(["200", "404", "200", "404", "200", "404"]);

    const flood = await client();
    flood.pause();
    const cut = gone(flood);
    for (let round = 0; round < 100 && !flood.destroyed; round += 1)
      flood.write(get("/status").repeat(1_000));
    flood.resume();
    await cut;
    await servesOthers();
    expect(await peakMegabytes()).toBeLessThan(300);
  });

  it("a client that has said everything and closes its half harms nobody", async () => {
    for (let round = 0; round < 50; round += 1) {
      const socket = await client();
      socket.end("GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    await servesOthers();
    await eventually("them to be gone", () => open() === 0);
  });
});

describe("a thousand who ask for the status at once", () => {
  it("all get one that began after they asked, of a few inspections that they share", async () => {
    // An inspection that takes a while, so that they meet.
    await disk.misbehave({ slow: { under: workspace.repo(HURT), ms: 50 }, counts: workspace.repo(HURT) });
    const asked = performance.now();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => workspace.status()));
    const tookMs = performance.now() - asked;
    for (const { status, edges } of answers) expect([status, edges.length]).toEqual(["healthy", 6]);
    const reads = (await disk.counted()).filter((call) => call === `open ${workspace.stateFile(HURT)}`);
    // One follows the other, and each takes ten calls or so.
    expect(reads.length).toBeLessThanOrEqual(3 + tookMs / 400);
    expect(await peakMegabytes()).toBeLessThan(400);
    // Whoever asks after a save hears of it, though an inspection from before may be under way.
    for (const text of ["one\n", "two\n", "three\n"]) {
      const early = workspace.status();
      await workspace.save("x", text);
      const later = await Promise.all([workspace.status(), workspace.status()]);
      for (const { repos } of later)
        expect(repos.find(({ name }) => name === "x")?.stateFile.sha256).toBe(sha256(Buffer.from(text)));
      await early;
    }
  });
});
