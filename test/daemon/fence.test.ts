import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Workspace } from "../support/workspace.ts";

const BODIES: readonly (readonly [string, Buffer])[] = [
  ["a", Buffer.from("\uFEFF# State\r\n@~/.ssh/id_rsa\r\n````\r\n<tag>\r\n````")],
  ["b", Buffer.from("```text\nall of it in a fence\n```\n")],
  ["odd", Buffer.from("\n\n\n~~~~~~~\n@~/x")],
];
const REPOS = { a: {}, b: {}, odd: {}, reader: { publish: false }, other: { publish: false } };
const fenced = { ...REPOS, reader: { publish: false, fence: true } };

let workspace: Workspace;
beforeEach(async () => {
  workspace = await Workspace.create({ repos: REPOS });
  for (const [name, body] of BODIES) await workspace.save(name, body);
  for (const name of ["reader", "other"]) await workspace.save(name, "its own\n");
});
afterEach(() => workspace.dispose());

async function expectWhole(): Promise<void> {
  for (const [name, body] of BODIES) {
    const { code, stdout } = await workspace.run(["pull", "reader", "--from", name, "--raw"]);
    expect([code, Buffer.from(stdout)]).toEqual([0, body]);
    expect(await workspace.received("reader", name)).toBe(body.toString("utf8"));
  }
}

/** How often the daemon says that it wrote a cache. */
async function writesOf(cache: string): Promise<number> {
  const log = await workspace.log();
  return log.filter((line) => line["event"] === "cache.replaced" && line["cache"] === cache).length;
}

const isFenced = async (name: string): Promise<boolean> => /^`{3,}text$/m.test(await workspace.cache(name));
const identityOf = async (name: string): Promise<string> => {
  const { ino, mtimeNs } = await stat(workspace.cacheFile(name), { bigint: true });
  return `${ino} ${mtimeNs}`;
};

describe("fence: true, switched on and off with a daemon running", () => {
  it("rewrites that repo's cache alone, one time each, and every text arrives byte for byte", async () => {
    const daemon = await workspace.startDaemon({ args: ["--log-level", "debug"] });
    await workspace.healthy();
    await expectWhole();
    const plain = await workspace.cache("reader");
    const other = await identityOf("other");
    for (const [repos, on] of [
      [fenced, true],
      [REPOS, false],
      [fenced, true],
    ] as const) {
      const before = await writesOf("reader");
      await workspace.configure({ repos });
      // b's own text is in a fence in either form.
      await eventually(
        `the fences to be ${on ? "there" : "gone"}`,
        async () => (await workspace.cache("reader")).includes("``````text\n") === on,
      );
      await workspace.healthy();
      await expectWhole();
      const identity = await identityOf("reader");
      // Three pulls and a rescan's worth of looking have found nothing to write.
      const all = await workspace.run(["pull", "reader", "--json"]);
      expect(all.code).toBe(0);
      expect(await identityOf("reader")).toBe(identity);
      expect(await writesOf("reader")).toBe(before + 1);
      expect(await workspace.run(["sync", "--all", "--dry-run"])).toMatchObject({ code: 0, stdout: "" });
    }
    expect(await identityOf("other")).toBe(other);
    expect(await isFenced("reader")).toBe(true);
    expect(plain).not.toContain("``````text");
    // A save goes into the fence, and one with a longer run of its own makes that one longer.
    await workspace.save("a", `${"`".repeat(12)}\n@~/x\n`);
    await workspace.arrives("a", ["reader", "other"], `${"`".repeat(12)}\n@~/x\n`);
    expect(await workspace.cache("reader")).toContain(
      `\n${"`".repeat(13)}text\n${"`".repeat(12)}\n@~/x\n${"`".repeat(13)}\n`,
    );
    expect(await workspace.cache("other")).not.toContain("`".repeat(13));
    expect(await daemon.stop()).toBe(0);
  });

  it("missed while no daemon ran, is made up for at the next start, and heals what is edited inside the fence", async () => {
    const daemon = await workspace.startDaemon();
    await workspace.healthy();
    expect(await daemon.stop()).toBe(0);
    await workspace.configure({ repos: fenced });
    expect((await workspace.run(["repos", "list"])).stdout).toContain("fences its peers' texts");
    const again = await workspace.startDaemon();
    await workspace.healthy();
    expect(await workspace.cache("reader")).toContain("``````text\n");
    const whole = await workspace.cache("reader");
    // The fence made shorter than what it holds.
    await writeFile(workspace.cacheFile("reader"), whole.replaceAll("``````", "```"));
    await eventually("the fence to be whole again", async () =>
      (await workspace.cache("reader")).includes("``````text\n"),
    );
    await expectWhole();
    expect(await again.stop()).toBe(0);
    expect(await readFile(workspace.cacheFile("reader"), "utf8")).toContain("**Source**: `/");
  });

  it("gives a peer that is out of reach to another repo without the fence, from the copy in the fenced cache", async () => {
    await workspace.configure({ repos: fenced });
    expect((await workspace.run(["pull", "reader"])).code).toBe(0);
    expect(await workspace.cache("other")).toBe("");
    for (const [name] of BODIES) await rename(workspace.repo(name), `${workspace.repo(name)}-away`);
    for (const [name, body] of BODIES) {
      const { stdout } = await workspace.run(["pull", "other", "--from", name, "--raw"]);
      expect(Buffer.from(stdout)).toEqual(body);
    }
    const [copy] = await workspace.sections("other");
    expect(copy?.origin).toBe(workspace.stateFile("a"));
    expect(await workspace.cache("other")).not.toContain("``````");
    const digest = await workspace.run(["pull", "reader", "--digest"]);
    expect(digest.stdout).not.toContain("``````");
  });
});
