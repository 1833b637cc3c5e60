import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import {
  appendFile,
  chmod,
  chown,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { identityAt, isTelling } from "../../src/store/identity.ts";
import { replaceFile } from "../../src/store/replace.ts";
import { writable, type WritablePath } from "../../src/store/write-scope.ts";
import { eventually } from "../support/eventually.ts";
import { canMount, Mounts } from "../support/mounts.ts";
import { bundleProgram, endPrograms, litterUnder, Program, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
afterEach(endPrograms);

/** A file of the test's directory, allowed as if it were one of our own. */
function target(...names: readonly string[]): WritablePath {
  return writable(directory.at(...names), {
    registry: { repos: [] },
    paths: { stateDirectory: directory.path, runDirectory: directory.path },
  });
}

const READER = `
  import { readFileSync } from "node:fs";
  const [file = "", ...whole] = process.argv.slice(2);
  let reads = 0;
  let done = false;
  process.stdin.on("end", () => { done = true; }).resume();
  const turn = () => {
    const text = readFileSync(file, "latin1");
    const wrong = text.length !== Number(whole[0]) || text.split(text[0] ?? "").join("") !== "";
    if (wrong) { console.log("torn " + text.length); process.exit(1); }
    reads += 1;
    if (reads === 1) console.log("reading");
    if (done) { console.log(String(reads)); process.exit(0); }
    setImmediate(turn);
  };
  turn();
`;

describe("a reader never sees half a file", () => {
  it("reads the old or the new text whole, however often the file is replaced under it", async () => {
    const size = 300_000;
    const file = target("cache.md");
    await writeFile(file, "a".repeat(size));
    const reader = new Program(process.execPath, [
      await bundleProgram(directory.path, "reader", READER),
      file,
      String(size),
    ]);
    await eventually("the reader to read", () => reader.lines.includes("reading"));
    for (let round = 0; round < 100; round += 1) {
      const letter = "abcdefghij".charAt(round % 10);
      const half = Buffer.from(letter.repeat(size / 2));
      const replaced = await replaceFile(file, [half, half], { basedOn: await identityAt(file) });
      expect(replaced).toBeDefined();
    }
    reader.finish();
    expect(await reader.end(), reader.lines.join(" ")).toBe(0);
    expect(Number(reader.lines.at(-1))).toBeGreaterThan(1);
  });
});

describe("what the new file looks like", () => {
  it("is private where there was none before, whatever the umask", async () => {
    const before = process.umask(0o000);
    try {
      await replaceFile(target("new.md"), [Buffer.from("x")], { basedOn: undefined });
    } finally {
      process.umask(before);
    }
    expect((await stat(directory.at("new.md"))).mode & 0o777).toBe(0o600);
  });

  it.each([0o640, 0o444, 0o666, 0o600])("keeps the mode of the file that it replaces: %o", async (mode) => {
    const file = target("cache.md");
    await writeFile(file, "old");
    await chmod(file, mode);
    const like = await stat(file);
    await replaceFile(file, [Buffer.from("new")], { basedOn: await identityAt(file), like });
    expect((await stat(file)).mode & 0o7777).toBe(mode);
  });

  it.skipIf(process.getuid?.() !== 0)("keeps the owner where it may (root)", async () => {
    const file = target("cache.md");
    await writeFile(file, "old");
    await chown(file, 12_345, 23_456);
    await replaceFile(file, [Buffer.from("new")], {
      basedOn: await identityAt(file),
      like: await stat(file),
    });
    expect(await stat(file)).toMatchObject({ uid: 12_345, gid: 23_456 });
  });

  it("has the identity that was returned, so that our own write is never taken for somebody else's", async () => {
    const file = target("cache.md");
    let identity: Awaited<ReturnType<typeof identityAt>>;
    for (let round = 0; round < 20; round += 1) {
      const replaced = await replaceFile(file, [Buffer.from(`round ${round}`)], { basedOn: identity });
      identity = replaced?.identity;
      expect(identity).toBeDefined();
      expect(await identityAt(file)).toBe(identity);
    }
  });
});

describe("a file that was written into is another one, be it as long as before and written in the same tick", () => {
  const places = { "where files are": false, ...(canMount() ? { "where the clock is coarse": true } : {}) };
  it.each(Object.entries(places))("%s", async (_, isCoarse) => {
    const mounts = new Mounts();
    if (isCoarse) mounts.ramfs(directory.path);
    try {
      const file = target("cache.md");
      for (let round = 0; round < 100; round += 1) {
        const replaced = await replaceFile(file, [Buffer.from("ours")], { basedOn: await identityAt(file) });
        writeInto(file, "them");
        expect(replaced?.identity && isTelling(replaced.identity)).toBe(true);
        expect(await identityAt(file)).not.toBe(replaced?.identity);
      }
    } finally {
      mounts.end();
    }
  });
});

function writeInto(file: string, text: string): void {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, text);
  closeSync(descriptor);
}

describe("every byte arrives", () => {
  it.each([
    ["no chunk at all", []],
    ["empty chunks among others", [0, 5, 0, 0, 7, 0]],
    ["nothing but empty chunks", [0, 0]],
    ["more chunks than one writev takes", Array.from({ length: 5_000 }, (_, index) => index % 13)],
    ["exactly as many as one writev takes", Array.from({ length: 1_024 }, () => 3)],
    ["one more than that", Array.from({ length: 1_025 }, () => 3)],
    ["large ones between small ones", [1, 9_000_000, 2, 4_000_000, 3]],
  ])("%s", async (_, sizes) => {
    const chunks = sizes.map((size) => randomBytes(size));
    const whole = Buffer.concat(chunks);
    await replaceFile(target("cache.md"), chunks, { basedOn: undefined });
    expect(whole.equals(await readFile(target("cache.md")))).toBe(true);
  });
});

describe("where another writer was faster, nothing is written and nothing is left", () => {
  const others: Readonly<Record<string, (file: string) => Promise<void>>> = {
    "it was appended to": (file) => appendFile(file, "theirs"),
    "another file was moved over it": async (file) => {
      await writeFile(`${file}.editor`, "old");
      await rename(`${file}.editor`, file);
    },
    "it was deleted": (file) => rm(file),
    "it was written with just as many bytes": (file) => writeFile(file, "OLD"),
  };

  it.each(Object.entries(others))("%s", async (_, change) => {
    const file = target("cache.md");
    await writeFile(file, "old");
    const basedOn = await identityAt(file);
    // Times of a file system move in ticks of some milliseconds.
    await eventually("a tick of the file system's clock", async () => {
      await writeFile(directory.at("tick"), "");
      return (await stat(directory.at("tick"))).mtimeMs > (await stat(file)).mtimeMs;
    });
    await change(file);
    const theirs = await readFile(file, "utf8").catch(() => "gone");
    expect(await replaceFile(file, [Buffer.from("ours")], { basedOn })).toBeUndefined();
    expect(await readFile(file, "utf8").catch(() => "gone")).toBe(theirs);
    expect(await litterUnder(directory.path)).toEqual([]);
  });

  it("one was made where there was none", async () => {
    await writeFile(target("cache.md"), "theirs");
    expect(
      await replaceFile(target("cache.md"), [Buffer.from("ours")], { basedOn: undefined }),
    ).toBeUndefined();
    expect(await readFile(target("cache.md"), "utf8")).toBe("theirs");
    expect(await litterUnder(directory.path)).toEqual([]);
  });
});

describe("where it fails, the old file stays and nothing is left", () => {
  it("the directory is not there", async () => {
    const file = target("gone", "cache.md");
    await expect(replaceFile(file, [Buffer.from("x")], { basedOn: undefined })).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(await readdir(directory.path)).toEqual([]);
  });

  it("the directory vanishes at any moment of it", async () => {
    const file = target("there", "cache.md");
    const text = Buffer.alloc(200_000, "x");
    for (let round = 0; round < 30; round += 1) {
      await directory.make("there");
      await writeFile(file, "old");
      const basedOn = await identityAt(file);
      const moved = directory.at(`moved-${round}`);
      const [outcome] = await Promise.allSettled([
        replaceFile(file, [text], { basedOn }),
        new Promise((resolve) => setTimeout(resolve, round / 5)).then(() =>
          rename(directory.at("there"), moved),
        ),
      ]);
      const kept = await readFile(`${moved}/cache.md`);
      // It may have been done before; the text is whole either way.
      expect(kept.equals(text) || kept.toString() === "old").toBe(true);
      if (outcome.status === "fulfilled" && outcome.value !== undefined) expect(kept.equals(text)).toBe(true);
      expect(await readdir(directory.path)).not.toContain("there");
    }
  });

  it("a directory stands in its place", async () => {
    await directory.make("cache.md");
    await expect(
      replaceFile(target("cache.md"), [Buffer.from("x")], { basedOn: await identityAt(target("cache.md")) }),
    ).rejects.toMatchObject({ code: "EISDIR" });
    expect(await litterUnder(directory.path)).toEqual([]);
  });

  it("leaves what a link leads to alone and replaces the link", async () => {
    await writeFile(directory.at("elsewhere.md"), "theirs");
    await symlink("elsewhere.md", target("cache.md"));
    await replaceFile(target("cache.md"), [Buffer.from("x")], {
      basedOn: await identityAt(target("cache.md")),
    });
    expect(await readFile(directory.at("elsewhere.md"), "utf8")).toBe("theirs");
  });
});

const FULL_DISK = `
  import { readdirSync, readFileSync, writeFileSync } from "node:fs";
  import { identityAt } from "./src/store/identity.ts";
  import { replaceFile } from "./src/store/replace.ts";
  import { writable } from "./src/store/write-scope.ts";
  const disk = process.argv[2] ?? "";
  const paths = { stateDirectory: disk, runDirectory: disk };
  const file = writable(disk + "/cache.md", { registry: { repos: [] }, paths });
  writeFileSync(file, "old".repeat(20_000));
  const codes = [];
  // In one piece, in many, and where the last piece alone does not fit.
  for (const chunks of [[Buffer.alloc(300_000)], Array.from({ length: 3_000 }, () => Buffer.alloc(100)), [Buffer.alloc(60_000), Buffer.alloc(60_000)]]) {
    const basedOn = await identityAt(file);
    codes.push(await replaceFile(file, chunks, { basedOn }).then(() => "written", (error) => error.code));
  }
  const small = await replaceFile(file, [Buffer.from("fits")], { basedOn: await identityAt(file) });
  console.log(JSON.stringify({ codes, small: small !== undefined, text: readFileSync(file, "utf8"), names: readdirSync(disk) }));
`;

const canMountApart = (() => {
  try {
    execFileSync("unshare", ["-m", "sh", "-c", "mount -t tmpfs none /mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe("a full disk", () => {
  // Needs the right to mount a small disk in a mount namespace of its own.
  it.skipIf(!canMountApart)(
    "is noticed though a part was written, the old file stays and the space is given back",
    async () => {
      const disk = await directory.make("disk");
      const script = await bundleProgram(directory.path, "full-disk", FULL_DISK);
      const mounted = 'mount -t tmpfs -o size=128k none "$1" && exec "$2" "$3" "$1"';
      const program = new Program("unshare", [
        "-m",
        "sh",
        "-c",
        mounted,
        "sh",
        disk,
        process.execPath,
        script,
      ]);
      expect(await program.end(), program.stderr).toBe(0);
      expect(JSON.parse(program.lines.join(""))).toEqual({
        codes: ["ENOSPC", "ENOSPC", "ENOSPC"],
        small: true,
        text: "fits",
        names: ["cache.md"],
      });
    },
  );
});
