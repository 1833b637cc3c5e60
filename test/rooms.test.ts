import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const SOURCE = resolve("src");

/** What CONTRIBUTING says of each room, read from its table. */
const rooms = new Map(
  [...readFileSync("CONTRIBUTING.md", "utf8").matchAll(/^\| `src\/(\w+)` \| .* \| ?(.*?) ?\|$/gm)].map(
    ([, room = "", may = ""]) => [room, may],
  ),
);

function importsOf(room: string): string[] {
  const files = readdirSync(join(SOURCE, room), { recursive: true, encoding: "utf8" });
  const found = files
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => {
      const path = join(SOURCE, room, file);
      const text = readFileSync(path, "utf8");
      const specifiers = [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(
        (match) => match[1] ?? "",
      );
      return specifiers.map(
        (specifier) => relative(SOURCE, resolve(dirname(path), specifier)).split("/")[0] ?? "",
      );
    });
  return [...new Set(found)].filter((target) => target !== room && !target.includes("."));
}

/**
 * Where the daemon's only thread may wait for a disk of somebody's: a disk that does not answer stops all of it there.
 * What is not in this list waits in a thread of its own.
 */
const WAITS_FOR_DISKS = new Map([
  // From the check to the rename nothing else may run in this process.
  ["replace.ts", ["fstatSync", "futimesSync", "renameSync", "statSync"]],
  // Names in /proc, which no disk is asked for.
  ["anchor.ts", ["readlinkSync"]],
  // For the words of a fault, where a disk has answered just now.
  ["cache-file.ts", ["accessSync", "existsSync"]],
  ["privacy.ts", ["realpathSync"]],
  // Not in what is published.
  ["crash-point.ts", ["appendFileSync"]],
]);

it("no disk is waited for on the daemon's only thread but where nothing else may run", () => {
  for (const room of ["store", "sync", "watch", "status"]) {
    for (const file of readdirSync(join(SOURCE, room), { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue;
      const text = readFileSync(join(SOURCE, room, file), "utf8");
      const calls = new Set([...text.matchAll(/\b([a-zA-Z]+Sync)\(/g)].map(([, call = ""]) => call));
      expect([...calls].sort(), `${room}/${file}`).toEqual(WAITS_FOR_DISKS.get(file) ?? []);
    }
  }
});

describe("the rooms of the house", () => {
  it("are all in the table", () => {
    const folders = readdirSync(SOURCE, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...rooms.keys()].sort()).toEqual(folders.map((entry) => entry.name).sort());
  });

  it.each([...rooms])("%s imports only what its row names (%s)", (room, may) => {
    if (may.startsWith("everything")) {
      const but = /but (\w+)/.exec(may)?.[1];
      expect(importsOf(room)).not.toContain(but);
    } else {
      for (const target of importsOf(room)) expect(may.split(", "), `${room} -> ${target}`).toContain(target);
    }
  });
});
