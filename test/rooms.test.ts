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
