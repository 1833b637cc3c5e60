import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { originalWrite } from "../core/original-utility.ts";
import { eventually } from "../support/eventually.ts";
import { Workspace, type WorkspaceOptions } from "../support/workspace.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

/** Made up, of the right shape, and not in one piece in this file. */
const TOKEN = `ghp_${"a1B2c3D4e5F6g7H8i9J0".repeat(2).slice(0, 36)}`;
const OTHER_TOKEN = `ghp_${"z9Y8x7W6v5U4t3S2r1Q0".repeat(2).slice(0, 36)}`;
const LEAKY = `# a\n\nDeploy with \`${TOKEN}\` for now.\n`;
const MARK = "[REDACTED:github-token]";

async function prepare(options: Partial<WorkspaceOptions> = {}): Promise<void> {
  workspace = await Workspace.create({ repos: { a: {}, b: {}, c: {} }, rescan: "1s", ...options });
  for (const name of ["b", "c"]) await workspace.save(name, `state of ${name}\n`);
}

/** Every file below a directory that holds a text. */
async function holding(directory: string, text: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(text)) found.push(path.slice(workspace.root.length + 1));
  }
  return found;
}

function get(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: workspace.paths.socket, path }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(text));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

describe("a secret in a state file", () => {
  it("is nowhere but in that file: not in a cache, the state directory, or what anything prints", async () => {
    await prepare();
    await workspace.save("a", LEAKY);
    const listener: string[] = [];
    await workspace.startDaemon({ args: ["--log-level", "trace"] });
    const listening = request({ socketPath: workspace.paths.socket, path: "/events" }, (response) =>
      response.on("data", (chunk: Buffer) => listener.push(chunk.toString())),
    );
    listening.on("error", () => undefined);
    listening.end();
    await workspace.arrives("a", ["b", "c"], LEAKY.replace(TOKEN, MARK));
    await workspace.save("a", `${LEAKY}\nmore\n`);
    await workspace.arrives("a", ["b", "c"], `${LEAKY.replace(TOKEN, MARK)}\nmore\n`);
    await workspace.healthy();

    const printed: string[] = [];
    for (const command of [
      ["status"],
      ["status", "--json"],
      ["explain", "a"],
      ["sync", "a"],
      ["sync", "a", "--dry-run"],
      ["pull", "b"],
      ["pull", "b", "--raw", "--from", "a"],
      ["pull", "b", "--json"],
      ["logs", "--level", "trace", "-n", "10000"],
    ]) {
      const { code, stdout, stderr } = await workspace.run([...command, "--verbose"]);
      expect(code, command.join(" ") + stderr).toBe(0);
      printed.push(stdout, stderr);
    }
    for (const path of ["/status", "/metrics", "/healthz"]) printed.push(await get(path));
    listening.destroy();
    expect(printed.join("\n"), "what is printed").not.toContain(TOKEN);
    expect(listener.join(""), "events").toContain("section.written");
    expect(listener.join(""), "events").not.toContain(TOKEN);
    expect(await holding(workspace.root, TOKEN)).toEqual(["repos/a/STATE.md"]);
  });

  it("is counted in the section's head and told by status, with its rule and line and not itself", async () => {
    await prepare();
    await workspace.save("a", `${LEAKY}again ${OTHER_TOKEN}\n`);
    await workspace.startDaemon();
    await workspace.healthy();
    expect(await workspace.cache("b")).toContain("**Guard**: 2 secrets redacted\n");
    const [section] = await workspace.sections("b");
    expect(section).toMatchObject({ repo: "a", secrets: 2 });
    const { repos } = await workspace.status();
    expect(repos.find((repo) => repo.name === "a")?.guard).toEqual({
      secrets: [
        { rule: "github-token", line: 3 },
        { rule: "github-token", line: 4 },
      ],
      secretCount: 2,
      hidden: 0,
    });
    const { stdout } = await workspace.run(["status"]);
    expect(stdout).toContain("a has 2 secrets: github-token in line 3, github-token in line 4");
    expect((await workspace.run(["explain", "a"])).stdout).toContain(
      "the guard finds 2 secrets: github-token",
    );
    const told = (await workspace.log()).find((line) => line["event"] === "state.guarded");
    expect(told).toMatchObject({ repo: "a", secretCount: 2, hiddenCount: 0, rules: ["github-token"] });
    expect(await get("/metrics")).toMatch(/^state_syncd_secrets\{repo="a"\} 2$/m);
  });

  it("that is replaced by another one writes nothing: the peers see no difference", async () => {
    await prepare();
    await workspace.save("a", LEAKY);
    await workspace.startDaemon();
    await workspace.healthy();
    const before = await workspace.cacheBytes("b");
    await workspace.save("a", LEAKY.replace(TOKEN, OTHER_TOKEN));
    await workspace.save("c", "a later save\n");
    await workspace.arrives("c", ["b"], "a later save\n");
    await workspace.healthy();
    const [was] = before.toString().match(/\*\*Last Synced\*\*.*\n\*\*Source.*a\/STATE.*/) ?? [];
    expect(was).toBeDefined();
    expect(await workspace.cache("b")).toContain(was);
  });

  it("with onSecret: block holds the whole file back, until it is gone", async () => {
    await prepare({ repos: { a: { onSecret: "block" }, b: {}, c: {} } });
    await workspace.save("a", "harmless\n");
    await workspace.startDaemon();
    await workspace.arrives("a", ["b", "c"], "harmless\n");
    await workspace.save("a", LEAKY);
    const problem = await eventually("the block to be told", async () =>
      (await workspace.status()).problems.find(({ code }) => code === "STATE_FILE_SECRET"),
    );
    expect(problem.message).toContain("1 secret: github-token in line 3");
    const { edges } = await workspace.status();
    expect(edges.filter(({ from }) => from === "a").map(({ status }) => status)).toEqual([
      "blocked",
      "blocked",
    ]);
    expect((await workspace.run(["sync", "a"])).code).toBe(1);
    expect(await workspace.received("b", "a")).toBe("harmless\n");
    await workspace.save("a", "harmless again\n");
    await workspace.arrives("a", ["b", "c"], "harmless again\n");
    await workspace.healthy();
  });

  it("is taken out by a sync without a daemon as well, and a restart has nothing to write", async () => {
    await prepare();
    await workspace.save("a", LEAKY);
    expect((await workspace.run(["sync", "--all"])).code).toBe(0);
    expect(await workspace.received("b", "a")).toBe(LEAKY.replace(TOKEN, MARK));
    const before = await workspace.cacheBytes("b");
    const report = JSON.parse((await workspace.run(["status", "--json"])).stdout);
    expect(report.edges.every((edge: { status: string }) => edge.status === "fresh")).toBe(true);
    await workspace.startDaemon();
    await workspace.healthy();
    expect(await workspace.cacheBytes("b")).toEqual(before);
  });

  it("that the original utility had copied is gone from the cache when that is adopted, and when it writes again", async () => {
    await prepare();
    await workspace.save("a", LEAKY);
    // What people wrote stands below: the section's end is known by the file's own text, secret and all.
    const old = originalWrite(undefined, "a", LEAKY, "2026-01-01T00:00:00.000000");
    await mkdir(dirname(workspace.cacheFile("b")), { recursive: true });
    await writeFile(workspace.cacheFile("b"), Buffer.concat([old, Buffer.from("\nmy own note\n")]));
    const dry = await workspace.run(["sync", "a", "--dry-run"]);
    expect(dry.stdout).toContain("+**Guard**: 1 secret redacted");
    expect(dry.stdout).not.toContain(TOKEN);
    await workspace.startDaemon();
    await workspace.arrives("a", ["b"], LEAKY.replace(TOKEN, MARK));
    const cache = await workspace.cache("b");
    expect(cache).not.toContain(TOKEN);
    expect(cache.match(/my own note/g)).toHaveLength(1);
    const beside = originalWrite(Buffer.from(cache), "a", LEAKY, "2026-01-02T00:00:00.000000");
    await writeFile(workspace.cacheFile("b"), beside);
    await eventually("the cache to be healed", async () => !(await workspace.cache("b")).includes(TOKEN));
    await workspace.healthy();
    expect((await workspace.cache("b")).match(/my own note/g)).toHaveLength(1);
  });
});

describe("what passed the rules of yesterday", () => {
  it("does not reach a repo that joins under those of today", async () => {
    await prepare({ repos: { a: { onSecret: "block" }, b: {}, c: {} } });
    await workspace.save("a", "patient MRN-12345678\n");
    await workspace.startDaemon();
    await workspace.arrives("a", ["b", "c"], "patient MRN-12345678\n");
    await workspace.configure({ guard: { patterns: { mrn: "MRN-[0-9]{8}" } } });
    await eventually("the block to be told", async () =>
      (await workspace.status()).problems.some(({ code }) => code === "STATE_FILE_SECRET"),
    );
    await mkdir(workspace.repo("d"));
    await writeFile(join(workspace.repo("d"), "STATE.md"), "state of d\n");
    await workspace.configure({ repos: { a: { onSecret: "block" }, b: {}, c: {}, d: {} } });
    await workspace.arrives("b", ["d"], "state of b\n");
    await workspace.run(["sync", "--all"]);
    expect(await workspace.cache("d")).not.toContain("MRN-12345678");
  });

  it("a state file that is a link to the repo's own cache is refused: it would pass on what others said", async () => {
    await prepare({ repos: { a: { groups: ["x", "y"] }, b: { groups: ["x"] }, c: { groups: ["y"] } } });
    await workspace.startDaemon();
    await workspace.arrives("b", ["a"], "state of b\n");
    await symlink(".aibrain/global-state-cache.md", workspace.stateFile("a"));
    await eventually("the refusal to be told", async () =>
      (await workspace.status()).problems.some(({ code }) => code === "STATE_FILE_OUTSIDE"),
    );
    expect(await workspace.cache("c")).not.toContain("state of b");
  });

  it("a name of a branch that matches a pattern does not travel either", async () => {
    await prepare({ guard: { patterns: { mrn: "MRN-[0-9]{8}" } } });
    const commit = "0123456789abcdef0123456789abcdef01234567";
    await mkdir(join(workspace.repo("a"), ".git", "refs", "heads", "fix"), { recursive: true });
    await writeFile(join(workspace.repo("a"), ".git", "HEAD"), "ref: refs/heads/fix/MRN-12345678\n");
    await writeFile(join(workspace.repo("a"), ".git", "refs", "heads", "fix", "MRN-12345678"), `${commit}\n`);
    await workspace.save("a", "text\n");
    await workspace.startDaemon();
    await workspace.arrives("a", ["b"], "text\n");
    expect(await workspace.cache("b")).toContain("fix/[REDACTED:mrn] @ 0123456");
    expect(await workspace.cache("b")).not.toContain("MRN-12345678");
  });

  it("a pattern that matches what the daemon writes to prove itself does not make it look ill", async () => {
    await prepare({ guard: { patterns: { date: "[0-9]{4}-[0-9]{2}-[0-9]{2}", number: "[0-9]{12}" } } });
    await workspace.save("a", "state of a\n");
    await workspace.startDaemon();
    await eventually("a proof", async () => (await workspace.status()).daemon.provenAt !== null);
    expect((await workspace.status()).problems).toEqual([]);
  });
});

describe("a user's own patterns", () => {
  it("count as soon as they are in the config, and are followed when they change", async () => {
    await prepare();
    await workspace.save("a", "patient MRN-12345678 and ticket T-1\n");
    await workspace.startDaemon();
    await workspace.arrives("a", ["b", "c"], "patient MRN-12345678 and ticket T-1\n");
    await workspace.configure({ guard: { patterns: { "record-number": "MRN-[0-9]{8}" } } });
    await workspace.arrives("a", ["b", "c"], "patient [REDACTED:record-number] and ticket T-1\n");
    await workspace.configure({ guard: { patterns: { ticket: "T-[0-9]+" } } });
    await workspace.arrives("a", ["b", "c"], "patient MRN-12345678 and ticket [REDACTED:ticket]\n");
    await workspace.healthy();
  });

  it("that would take another engine for ever do not hold up the daemon", async () => {
    await prepare({ guard: { patterns: { evil: "(a+)+b", worse: "(x|xx|xxx)*y" } } });
    await workspace.startDaemon();
    await workspace.save("a", `${"a".repeat(200_000)}!\n${"x".repeat(200_000)}!\n`);
    await workspace.save("c", "goes on\n");
    await workspace.arrives("c", ["b"], "goes on\n");
    await workspace.healthy();
  });

  it("that no engine with bounded time can match are refused, with the place", async () => {
    await prepare({ guard: { patterns: { secret: "(?<=key: )\\w+" } } });
    const { code, stderr } = await workspace.run(["config", "check"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /config\.yaml:17:17 guard\.patterns\.secret: found .* expected a pattern in the syntax of RE2/,
    );
  });

  it("what is allowed by name is no secret", async () => {
    await prepare({ guard: { allow: [TOKEN] } });
    await workspace.save("a", `${LEAKY}${OTHER_TOKEN}\n`);
    await workspace.startDaemon();
    await workspace.arrives("a", ["b", "c"], `${LEAKY}${MARK}\n`);
  });
});

describe("hidden text in a state file", () => {
  it("is seen by the peers, and counted", async () => {
    await prepare();
    const hidden = "plain \u001B[8mconcealed\u001B[0m \u202Eesrever\u202C \u{E0068}\u{E0069}\n";
    await workspace.save("a", hidden);
    await workspace.startDaemon();
    await workspace.healthy();
    const received = await workspace.received("b", "a");
    expect(received).toContain("concealed");
    for (const hiding of ["\u001B", "\u202E", "\u202C", "\u{E0068}"]) expect(received).not.toContain(hiding);
    expect((await workspace.sections("b"))[0]?.hidden).toBeGreaterThanOrEqual(5);
    expect(await workspace.cache("b")).toMatch(/\*\*Guard\*\*: \d+ hidden places made visible\n/);
  });

  it("of every language and emoji survives byte for byte", async () => {
    await prepare();
    const text = "\uFEFFשלום עולם مرحبا می‌خواهم क्षत्रिय ไทย 日本語 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️ 1️⃣\r\n";
    await workspace.save("a", text);
    await workspace.startDaemon();
    await workspace.arrives("a", ["b", "c"], text);
    expect(await workspace.cache("b")).not.toContain("**Guard**");
  });
});
