import { mkdir, readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readStartRecord, writeStartRecord } from "../../src/store/start-record.ts";
import { writable } from "../../src/store/write-scope.ts";
import { pathsIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
const NONE = { starts: [], givenUp: "" };

describe("the record of the daemon's starts", () => {
  it.each([
    "",
    "{",
    "[]",
    "null",
    "\0\0\0\0",
    '{"starts":[1,2,3]}',
    '{"starts":["x"],"givenUp":""}',
    '{"starts":[null],"givenUp":""}',
    '{"starts":5,"givenUp":""}',
    '{"starts":[],"givenUp":1}',
  ])("is none where it is spoilt: %j", async (text) => {
    const file = directory.at("starts.json");
    await writeFile(file, text);
    expect(await readStartRecord(file)).toEqual(NONE);
  });

  it("is none where there is none, or a directory in its place", async () => {
    expect(await readStartRecord(directory.at("nothing"))).toEqual(NONE);
    expect(await readStartRecord(await directory.make("place"))).toEqual(NONE);
  });

  it("is what was written, and is written as one file that only its user can read", async () => {
    const paths = pathsIn(directory.path);
    await mkdir(paths.stateDirectory, { recursive: true });
    const file = writable(paths.startsFile, { registry: { repos: [] }, paths });
    const record = { starts: [1.5, 2], givenUp: "why\nnot" };
    await writeStartRecord(file, record);
    await writeStartRecord(file, record);
    expect(await readStartRecord(file)).toEqual(record);
    expect((await readFile(file, "utf8")).endsWith("\n")).toBe(true);
  });
});
