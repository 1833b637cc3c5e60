import { describe, expect, it } from "vitest";
import { importsIn } from "../../../src/hooks/settings/imports.ts";

const CACHE = ".aibrain/global-state-cache.md";
const paths = (text: string): string[] => importsIn(text).map(({ path }) => path);

describe("an agent's instructions import what an @path names", () => {
  it.each([
    [`@${CACHE}`, CACHE],
    [`Read @${CACHE}.`, CACHE],
    [`- @./${CACHE}`, `./${CACHE}`],
    [`> @/r/${CACHE}, first`, `/r/${CACHE}`],
    [`@~/r/${CACHE}`, `~/r/${CACHE}`],
    [`a \`span\` and @${CACHE}`, CACHE],
    [`\`\`\`\ncode\n\`\`\`\n@${CACHE}`, CACHE],
    [`an unpaired \` and @${CACHE}`, CACHE],
    [`<!-- closed -->\n@${CACHE}`, CACHE],
    [`~~~\n\`\`\`\n~~~\n@${CACHE}`, CACHE],
    [`see @one.md\r\n@${CACHE}\r\n`, CACHE],
  ])("%j", (text, path) => {
    expect(paths(text)).toContain(path);
  });

  it.each([
    `the cache is ${CACHE}`,
    `\`@${CACHE}\``,
    `\`\`a \` @${CACHE}\`\``,
    `\`\`\`md\n@${CACHE}\n\`\`\``,
    `  ~~~\n@${CACHE}\n\`\`\`\n`,
    `- \`\`\`\n  @${CACHE}\n  \`\`\``,
    `\`\`\`\`\n\`\`\`\n@${CACHE}\n\`\`\`\``,
    `<!--\n@${CACHE}\n-->`,
    `somebody@${CACHE}`,
  ])("and nothing in code, in comments or without the @: %j", (text) => {
    expect(paths(text)).toEqual([]);
  });

  it("tells the line", () => {
    expect(importsIn(`# Title\n\n\`\`\`\nx\n\`\`\`\nsee @a.md\n@${CACHE}\n`)).toEqual([
      { path: "a.md", line: 6 },
      { path: CACHE, line: 7 },
    ]);
  });
});
