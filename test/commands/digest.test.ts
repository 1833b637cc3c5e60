import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
beforeAll(async () => {
  workspace = await Workspace.create({ repos: { here: {}, small: {}, large: {} } });
  await workspace.save("here", "## Next\n- mine\n");
  await workspace.save("small", "## Next\n- ship it\n- [x] build it\n");
  const steps = Array.from({ length: 300 }, (_, number) => `- step ${number}`);
  await workspace.save(
    "large",
    `## Blockers\n- the gate\n## Next\n${steps.join("\n")}\n## Lore\nOld tales.\n`,
  );
});
afterAll(() => workspace.dispose());

describe("pull --digest", () => {
  it("prints what matters of each peer within one budget, the small one whole", async () => {
    const { code, stdout } = await workspace.run(["pull", "here", "--digest", "--budget", "1000"]);
    expect(code).toBe(0);
    expect(stdout).toContain("=== small: ");
    expect(stdout).toContain("### Next\n- ship it\n");
    expect(stdout).not.toContain("build it");
    expect(stdout).toContain("### Blockers\n- the gate\n");
    expect(stdout).toContain("Not shown, in characters: Next");
    const texts = stdout.split("\n").filter((line) => !line.startsWith("==="));
    expect(texts.join("\n").length).toBeLessThanOrEqual(1_010);
    expect(texts.join("\n").length).toBeGreaterThan(600);
  });

  it("gives facts and digests as JSON, without the bodies", async () => {
    const { stdout } = await workspace.run(["pull", "here", "--digest", "--json", "--from", "small"]);
    const { sections } = JSON.parse(stdout);
    expect(sections).toMatchObject([{ repo: "small", digest: "### Next\n- ship it", isWhole: true }]);
    expect(stdout).not.toContain("build it");
  });

  it.each([
    [["--budget", "10"], "must be a whole number of characters"],
    [["--budget", "1.5"], "must be a whole number of characters"],
    [["--raw", "--from", "small"], "choose one"],
  ])("refuses %j", async (options, words) => {
    const { code, stderr } = await workspace.run(["pull", "here", "--digest", ...options]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});
