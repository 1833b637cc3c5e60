import { stat } from "node:fs/promises";
import { request } from "node:http";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeAll(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} } });
  for (const name of ["a", "b", "c"]) await workspace.save(name, `state of ${name}\n`);
  await workspace.startDaemon();
});
afterAll(() => workspace.dispose());

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

function call(method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: workspace.paths.socket, method, path }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", text }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

describe("the control socket", () => {
  it("is its user's alone", async () => {
    expect((await stat(workspace.paths.socket)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(workspace.paths.socket))).mode & 0o777).toBe(0o700);
    expect((await stat(workspace.paths.stateDirectory)).mode & 0o777).toBe(0o700);
    expect((await stat(workspace.paths.logFile)).mode & 0o777).toBe(0o600);
  });

  it("GET /healthz and /status answer JSON", async () => {
    const health = await call("GET", "/healthz");
    expect(health).toMatchObject({ status: 200, type: "application/json" });
    expect(JSON.parse(health.text)).toMatchObject({ ok: true, queue: { depth: 0 } });
    expect(JSON.parse((await call("GET", "/status")).text).edges).toHaveLength(6);
  });

  it("GET /metrics is Prometheus text with what the daemon did", async () => {
    await workspace.save("a", "measured\n");
    await workspace.arrives("a", ["b", "c"], "measured\n");
    await eventually("the queue to be empty", async () => (await workspace.status()).queue.depth === 0);
    const { text, type } = await call("GET", "/metrics");
    expect(type).toContain("text/plain");
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    expect(value("state_syncd_queue_depth")).toBe(0);
    expect(value("state_syncd_cache_writes_total")).toBeGreaterThanOrEqual(5);
    expect(value("state_syncd_noop_turns_total")).toBeGreaterThanOrEqual(0);
    expect(value("state_syncd_rescan_only_changes_total")).toBe(0);
    expect(value("state_syncd_propagation_seconds_count")).toBeGreaterThanOrEqual(2);
    expect(text).toContain("# TYPE state_syncd_failures_total counter");
    expect(text).toContain('state_syncd_propagation_seconds_bucket{le="+Inf"}');
  });

  it("GET /events gives one JSON object a line, as it happens", async () => {
    const lines: Record<string, unknown>[] = [];
    const outgoing = request({ socketPath: workspace.paths.socket, path: "/events" }, (response) => {
      response.on("data", (chunk: Buffer) => {
        for (const line of chunk.toString().trim().split("\n")) lines.push(JSON.parse(line));
      });
      response.on("error", () => undefined);
    });
    outgoing.on("error", () => undefined);
    outgoing.end();
    await eventually("the listener to hear of a save", async () => {
      await workspace.save("b", `heard ${Date.now()}\n`);
      return lines.some((line) => line["event"] === "section.written" && line["repo"] === "b");
    });
    outgoing.destroy();
  });

  it("POST /sync and /pull do the work", async () => {
    const synced = JSON.parse((await call("POST", "/sync", '{"repos":["a"]}')).text);
    expect(synced.edges.map((edge: { to: string; outcome: string }) => [edge.to, edge.outcome])).toEqual([
      ["b", "refreshed"],
      ["c", "refreshed"],
    ]);
    const pulled = JSON.parse((await call("POST", "/pull", '{"repos":["a"]}')).text);
    expect(pulled).toMatchObject({ cache: workspace.cacheFile("a"), edges: [{ from: "b" }, { from: "c" }] });
  });

  it("POST /pause keeps a repo out of it until POST /resume", async () => {
    expect((await call("POST", "/pause", '{"repo":"a"}')).status).toBe(200);
    await workspace.save("a", "said in private\n");
    await workspace.save("b", "said in public\n");
    await workspace.arrives("b", ["c"], "said in public\n");
    expect(await workspace.received("c", "a")).not.toBe("said in private\n");
    expect((await workspace.status()).repos.find((repo) => repo.name === "a")?.paused).toBe(true);
    expect((await workspace.run(["sync", "a"])).code).toBe(1);
    expect((await call("POST", "/resume", '{"repo":"a"}')).status).toBe(200);
    await workspace.arrives("a", ["b", "c"], "said in private\n");
    await workspace.arrives("b", ["a"], "said in public\n");
    await workspace.healthy();
  });

  it("POST /pause with a time ends by itself", async () => {
    await call("POST", "/pause", '{"forMs":700}');
    await workspace.save("c", "later\n");
    await workspace.arrives("c", ["a", "b"], "later\n");
    await workspace.healthy();
  });

  it("POST /reload reads the config again", async () => {
    expect(JSON.parse((await call("POST", "/reload")).text)).toMatchObject({ repos: 3 });
  });

  it.each([
    ["GET", "/nothing", undefined, 404],
    ["POST", "/sync", "{not json", 400],
    ["POST", "/sync", '{"repos":7}', 400],
    ["POST", "/sync", '{"unknown":true}', 400],
    ["POST", "/sync", '{"repos":["zzz"]}', 409],
    ["POST", "/pause", '{"repo":"zzz"}', 409],
    ["POST", "/sync", `{"repos":["${"x".repeat(2_000_000)}"]}`, 400],
  ])(
    "%s %s with a bad request (%#): a fault with a remedy, and the daemon lives",
    async (method, path, body, status) => {
      const answer = await call(method, path, body).catch((error: unknown) => {
        // A body that is too large may be cut off while it is being sent.
        if (
          error instanceof Error &&
          "code" in error &&
          (error.code === "EPIPE" || error.code === "ECONNRESET")
        )
          return undefined;
        throw error;
      });
      if (answer !== undefined) {
        expect(answer.status).toBe(status);
        expect(JSON.parse(answer.text).fault.remedy).not.toBe("");
      }
      expect((await call("GET", "/healthz")).status).toBe(200);
    },
  );
});
