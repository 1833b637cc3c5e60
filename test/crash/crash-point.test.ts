import { existsSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { CRASH_POINTS, crashPoint, firstPart } from "../../src/store/crash-point.ts";
import type { Workspace } from "../support/workspace.ts";
import { newWorkspace } from "./scenarios.ts";
import { traceFile } from "./tree.ts";

let workspace: Workspace;
afterEach(() => workspace.dispose());

describe("outside of the crash tests' bundle a crash point does nothing, whatever the environment says", () => {
  it("in the source, as other tests run it", async () => {
    workspace = await newWorkspace();
    process.env["STATE_SYNCD_CRASH_TRACE"] = traceFile(workspace);
    try {
      for (const point of CRASH_POINTS) {
        process.env["STATE_SYNCD_CRASH_AT"] = `${point} #1`;
        crashPoint(point);
      }
    } finally {
      delete process.env["STATE_SYNCD_CRASH_TRACE"];
      delete process.env["STATE_SYNCD_CRASH_AT"];
    }
    expect(existsSync(traceFile(workspace))).toBe(false);
    const chunks = [Buffer.alloc(9_000), Buffer.alloc(9_000)];
    expect(firstPart(chunks)).toBe(chunks);
  });

  it.each(["lock.taken", "replace.torn reader", "replace.renaming reader"])(
    "in the published bundle: %s",
    async (point) => {
      workspace = await newWorkspace();
      const env = { STATE_SYNCD_CRASH_AT: `${point} #1`, STATE_SYNCD_CRASH_TRACE: traceFile(workspace) };
      expect(await workspace.run(["sync", "--all"], { env })).toMatchObject({ code: 0, stderr: "" });
      expect(existsSync(traceFile(workspace))).toBe(false);
    },
  );
});
