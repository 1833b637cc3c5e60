import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Hold, holdOf, relookMs } from "../../src/core/hold.ts";

const CONFLICT = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n";

describe("what is held back", () => {
  const cases: readonly (readonly [string, string, Hold | undefined])[] = [
    ["an empty file", "", "empty"],
    ["blanks, tabs and line ends", " \t\r\n\n", "empty"],
    ["one word", "x", undefined],
    ["a NUL byte is not nothing", "\0", undefined],
    ["a conflict", CONFLICT, "conflict"],
    ["a conflict in the middle of text", `# State\n\n${CONFLICT}\nmore\n`, "conflict"],
    ["a conflict with CRLF", CONFLICT.replaceAll("\n", "\r\n"), "conflict"],
    [
      "a conflict with its common ancestor",
      "<<<<<<< a\nx\n||||||| b\ny\n=======\nz\n>>>>>>> c\n",
      "conflict",
    ],
    ["a conflict at the very end, without a newline", CONFLICT.trimEnd(), "conflict"],
    ["a conflict among other scripts", `漢字 é\n${CONFLICT}`, "conflict"],
    ["a conflict after a fence that was closed", `\`\`\`\ncode\n\`\`\`\n${CONFLICT}`, "conflict"],
    ["a heading underlined with equals signs", "Title\n=======\n", undefined],
    ["a begin alone", "<<<<<<< HEAD\ntext\n", undefined],
    ["an end alone", ">>>>>>> other\n", undefined],
    ["the marks in the wrong order", ">>>>>>> other\n=======\n<<<<<<< HEAD\n", undefined],
    ["the marks within lines", "see <<<<<<< HEAD, ======= and >>>>>>> other\n", undefined],
    ["an example in a fence", `\`\`\`diff\n${CONFLICT}\`\`\`\n`, undefined],
    [
      "an example in a fence of tildes that holds one of backquotes",
      `~~~\n\`\`\`\n${CONFLICT}~~~\n`,
      undefined,
    ],
    [
      "an example in a longer fence that holds a shorter one",
      `\`\`\`\`\n\`\`\`\n${CONFLICT}\`\`\`\`\n`,
      undefined,
    ],
    ["a quoted conflict", CONFLICT.replaceAll(/^/gm, "> "), undefined],
  ];

  it.each(cases)("%s", (_, text, expected) => {
    expect(holdOf(Buffer.from(text))).toBe(expected);
  });

  it("is decided without a throw for any bytes, and blank alone is empty", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const body = Buffer.from(bytes);
        expect(holdOf(body) === "empty").toBe(/^[ \t\r\n]*$/.test(body.toString("latin1")));
      }),
    );
  });

  it("is decided in an instant for a megabyte of marks", () => {
    const began = performance.now();
    holdOf(Buffer.from("<<<<<<< ".repeat(131_072)));
    holdOf(Buffer.from("<<<<<<< a\n```\n".repeat(75_000)));
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe("a file that waits for something that no change of it will tell", () => {
  it.each([
    ["STATE_FILE_UNSETTLED", 100, 100],
    ["STATE_FILE_GIT_BUSY", 100, 100],
    ["STATE_FILE_GIT_MIDWAY", 100, 5_000],
    ["STATE_FILE_GIT_MIDWAY", 60_000, 60_000],
    ["STATE_FILE_EMPTY", 100, undefined],
    [undefined, 100, undefined],
  ])("%s with a wait of %i ms is looked at again after %s", (code, waitMs, expected) => {
    expect(relookMs(code, waitMs)).toBe(expected);
  });
});
