import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { bundleDirectory } from "./test/support/build-once.ts";

export default defineConfig({
  // A thread is not the test runner's: it runs what was bundled.
  define: { __GUARD_THREAD__: JSON.stringify(join(bundleDirectory("test"), "guard-thread.js")) },
  test: {
    include: ["test/**/*.test.ts"],
    // Real processes on real disks: a machine that is busy with other things is slow, not wrong.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ["test/support/build-once.ts"],
    // Test files start daemons of their own, which want the cores too; a third file at work fills
    // what the others wait (790 s with two, 675 s with three, on two cores).
    maxWorkers: 3,
  },
});
