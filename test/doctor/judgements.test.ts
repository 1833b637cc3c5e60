import { describe, expect, it } from "vitest";
import { judgeInotify } from "../../src/doctor/inotify.ts";
import { judgeNode } from "../../src/doctor/node.ts";

describe("a node", () => {
  it.each([
    ["20.20.2", "warning"],
    ["22.21.9", "warning"],
    ["22.22.0", "fine"],
    ["24.0.0", "fine"],
    ["100.1.0", "fine"],
    ["22.22.0-nightly2026", "fine"],
  ])("%s is judged: %s", (version, level) => {
    expect(judgeNode(version, "/usr/bin/node")).toMatchObject({ level });
  });
});

describe("inotify's limits", () => {
  const roomy = { mostWatches: 65_536, usedWatches: 1_000, mostInstances: 128, usedInstances: 5 };
  it.each([
    ["room for all", roomy, 100, "fine"],
    ["an editor has nearly all watches", { ...roomy, usedWatches: 65_500 }, 100, "warning"],
    ["all watches are taken, by the daemon as well", { ...roomy, usedWatches: 65_536 }, 0, "warning"],
    ["few are left, and none is needed any more", { ...roomy, usedWatches: 65_500 }, 0, "fine"],
    ["no instance is left", { ...roomy, usedInstances: 128 }, 100, "warning"],
    ["the last instance is the daemon's", { ...roomy, usedInstances: 127 }, 0, "fine"],
  ])("%s: %j, %i needed: %s", (_title, facts, needed, level) => {
    expect(judgeInotify(facts, needed)).toMatchObject({ level });
  });
});
