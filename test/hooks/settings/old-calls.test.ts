import { describe, expect, it } from "vitest";
import { oldCall, scriptPath, thresholdIn } from "../../../src/hooks/settings/old-calls.ts";

describe("a call of the old utility is recognised in every spelling", () => {
  it.each([
    [".claude/hooks/checkpoint_reminder.sh", ".claude/hooks/checkpoint_reminder.sh"],
    ["./.claude/hooks/checkpoint_reminder.sh", "./.claude/hooks/checkpoint_reminder.sh"],
    ["bash .claude/hooks/checkpoint_reminder.sh", ".claude/hooks/checkpoint_reminder.sh"],
    ["/bin/sh -e '/a b/checkpoint_reminder.sh' PostToolUse", "/a b/checkpoint_reminder.sh"],
    ["/usr/bin/env bash checkpoint_reminder.sh", "checkpoint_reminder.sh"],
    ["env A=1 bash checkpoint_reminder.sh", "checkpoint_reminder.sh"],
    [
      '"$CLAUDE_PROJECT_DIR"/.claude/hooks/checkpoint_reminder.sh',
      "$CLAUDE_PROJECT_DIR/.claude/hooks/checkpoint_reminder.sh",
    ],
    [
      'bash "${CLAUDE_PROJECT_DIR:-.}/.claude/hooks/checkpoint_reminder.sh" 2>/dev/null || true',
      "${CLAUDE_PROJECT_DIR:-.}/.claude/hooks/checkpoint_reminder.sh",
    ],
    [
      'bash "$(git rev-parse --show-toplevel)/.claude/hooks/checkpoint_reminder.sh"',
      "$(git rev-parse --show-toplevel)/.claude/hooks/checkpoint_reminder.sh",
    ],
    ["bash -c 'cd $HOME/x && ./checkpoint_reminder.sh'", "./checkpoint_reminder.sh"],
    ["bash .claude/hooks/checkpoint_reminder.sh >> /tmp/log 2>&1 &", ".claude/hooks/checkpoint_reminder.sh"],
    ["[ -x checkpoint_reminder.sh ] && ./checkpoint_reminder.sh; exit 0", "./checkpoint_reminder.sh"],
    ["timeout 5 bash checkpoint_reminder.sh", "checkpoint_reminder.sh"],
    [". .claude/hooks/checkpoint_reminder.sh", ".claude/hooks/checkpoint_reminder.sh"],
  ])("%s", (command, script) => {
    expect(oldCall(command)).toEqual({ kind: "checkpoint script", whole: true, script });
  });

  it.each([
    ["python utils/state_sync.py sync karematch", "utils/state_sync.py"],
    [".venv/bin/python utils/state_sync.py sync ai_orchestrator 2>/dev/null", "utils/state_sync.py"],
    ['cd "$CLAUDE_PROJECT_DIR" && python3.12 -u utils/state_sync.py sync-all || :', "utils/state_sync.py"],
    ["PYTHONPATH=. python3 -m utils.state_sync sync karematch", "utils/state_sync.py"],
    ["uv run python utils/state_sync.py sync-all", "utils/state_sync.py"],
    ["/r/utils/state_sync.py sync-all", "/r/utils/state_sync.py"],
    ["python3 utils/state_sync.py pull a; python3 utils/state_sync.py sync a", "utils/state_sync.py"],
  ])("%s", (command, script) => {
    expect(oldCall(command)).toEqual({ kind: "sync script", whole: true, script });
  });

  it.each([
    "./format.sh && python utils/state_sync.py sync karematch",
    "bash checkpoint_reminder.sh | tee log",
    "cat | bash checkpoint_reminder.sh",
    "bash -c './x.sh; ./checkpoint_reminder.sh'",
    "if [ -f STATE.md ]; then python utils/state_sync.py sync a; fi",
    "(cd x; bash checkpoint_reminder.sh)",
    'bash "$(./where.sh)/checkpoint_reminder.sh"',
    "bash checkpoint_reminder.sh 'unclosed",
    "bash checkpoint_reminder.sh <<EOF\nEOF",
  ])("a command is not only such a call: %s", (command) => {
    expect(oldCall(command)).toMatchObject({ whole: false });
  });

  it.each([
    "cat checkpoint_reminder.sh",
    "echo 'do not run state_sync.py'",
    "bash my_checkpoint_reminder.sh",
    "python other.py state_sync.py",
    "./format.sh # state_sync.py",
    "python -m utils.state_sync_other",
  ])("%s is none", (command) => {
    expect(oldCall(command)).toBeUndefined();
  });
});

describe("the script that a hook names", () => {
  const place = { project: "/r", home: "/home/u" };

  it.each([
    [".claude/x.sh", "/r/.claude/x.sh"],
    ["./x.sh", "/r/x.sh"],
    ["/a/x.sh", "/a/x.sh"],
    ["~/x.sh", "/home/u/x.sh"],
    ["$HOME/x.sh", "/home/u/x.sh"],
    ["$CLAUDE_PROJECT_DIR/x.sh", "/r/x.sh"],
    ["${CLAUDE_PROJECT_DIR:-.}/x.sh", "/r/x.sh"],
    ["$(git rev-parse --show-toplevel)/x.sh", "/r/x.sh"],
    ["$ELSEWHERE/x.sh", undefined],
    ["", undefined],
  ])("%s", (script, path) => {
    expect(scriptPath(script, place)).toBe(path);
  });

  it("is not known where it is every project's", () => {
    expect(scriptPath("$CLAUDE_PROJECT_DIR/x.sh", { ...place, project: undefined })).toBeUndefined();
    expect(scriptPath("x.sh", { ...place, project: undefined })).toBeUndefined();
  });

  it.each([
    ["#!/bin/bash\nTHRESHOLD=10\n", 10],
    ["  readonly THRESHOLD='20' # writes", 20],
    ["export CHECKPOINT_THRESHOLD=${CHECKPOINT_THRESHOLD:-15}", 15],
    ["# THRESHOLD=10", undefined],
    ["THRESHOLD=0", undefined],
    ["THRESHOLD=$(cat x)", undefined],
    ["", undefined],
  ])("tells its threshold: %j", (text, threshold) => {
    expect(thresholdIn(text)).toBe(threshold);
  });
});
