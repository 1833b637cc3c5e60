import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { FaultError } from "../../src/errors.ts";
import { eventually } from "../support/eventually.ts";
import { Patient } from "../support/patient.ts";

afterAll(Patient.dismissAll);

/** What `status` has to say of an illness that a monitor has found out. */
function told({ code, stdout, problem }: Awaited<ReturnType<Patient["isFoundOut"]>>): void {
  expect(code).toBe(1);
  expect(stdout).toMatch(/^degraded: /);
  // Between the two questions a second may have passed.
  const timeless = (words: string): string => words.replaceAll(/\d+ s\b/g, "N s");
  expect(timeless(stdout)).toContain(timeless(problem));
}

describe.concurrent("a healthy answer from a sick daemon is not to be had", () => {
  it("where the watcher is dead, though the rescan still finds every change", async () => {
    const patient = await Patient.admit();
    const { workspace, disk } = patient;
    await disk.misbehave({ losesEvents: workspace.root });
    await workspace.save("a", "found by the rescan\n");
    await workspace.arrives("a", ["b"], "found by the rescan\n");
    told(await patient.isFoundOut("DAEMON_DEAF"));
    await disk.behave();
    await patient.recovers();
  });

  it("where the watcher is dead and others' saves keep the queue going", async () => {
    const patient = await Patient.admit();
    const { workspace, disk } = patient;
    await disk.misbehave({ losesEvents: join(workspace.paths.stateDirectory, "canary") });
    let saves = 0;
    const saving = setInterval(() => void workspace.save("a", `save ${(saves += 1)}\n`), 500);
    try {
      told(await patient.isFoundOut("DAEMON_DEAF"));
    } finally {
      clearInterval(saving);
    }
    await disk.behave();
    await patient.recovers();
  });

  it("where what was read does not get its turn in the queue, or never ends it", async () => {
    const patient = await Patient.admit();
    const { workspace, disk } = patient;
    await disk.misbehave({ hangs: join(workspace.paths.stateDirectory, "canary", "peer") });
    told(await patient.isFoundOut("DAEMON_STUCK"));
    await workspace.save("a", "others are not concerned\n");
    await workspace.arrives("a", ["b"], "others are not concerned\n");
    await disk.behave();
    await patient.recovers();
  });

  it("where its event loop is blocked: no answer is one too, and it is told as such", async () => {
    const patient = await Patient.admit();
    const { workspace, disk } = patient;
    await disk.misbehave({ blocksLoop: true });
    await eventually("no answer", async () => {
      const { fault } = await patient.health().then(
        () => ({ fault: undefined }),
        (error: unknown) => error as FaultError,
      );
      return fault?.code === "DAEMON_UNRESPONSIVE";
    });
    const { code, stdout } = await workspace.run(["status"]);
    expect(code).toBe(1);
    expect(stdout).toContain("DAEMON_UNRESPONSIVE");
    await disk.behave();
    await patient.recovers();
  });

  it("where its state directory cannot be written", async () => {
    const patient = await Patient.admit();
    const { workspace, disk } = patient;
    await disk.misbehave({
      refuses: { under: join(workspace.paths.stateDirectory, "canary"), code: "ENOSPC" },
    });
    told(await patient.isFoundOut("DAEMON_UNPROVEN"));
    await disk.behave();
    await patient.recovers();
  });
});

describe.concurrent("a daemon that has just started", () => {
  it("is not healthy before it has proved anything, and does its work all the same", async () => {
    const patient = await Patient.expect();
    const { workspace, disk } = patient;
    await disk.misbehave({ hangs: join(workspace.paths.stateDirectory, "canary", "peer") });
    workspace.spawnDaemon({ env: disk.env });
    told(await patient.isFoundOut("DAEMON_STARTING"));
    await workspace.arrives("a", ["b"], "state of a\n");
    await eventually("the start to be over", async () =>
      (await workspace.log()).some((line) => line["event"] === "daemon.ready"),
    );
    expect((await patient.health()).ok).toBe(false);
    told(await patient.isFoundOut("DAEMON_STUCK"));
    await disk.behave();
    await patient.recovers();
  });

  it("has proved itself when it says that it is ready", async () => {
    const patient = await Patient.expect();
    await patient.workspace.startDaemon();
    expect(await patient.health()).toMatchObject({ ok: true, problem: null });
    expect((await patient.health()).provenAt).not.toBeNull();
    expect((await patient.workspace.status()).status).toBe("healthy");
  });
});

describe.concurrent("the canary is nobody else's business", () => {
  it("no repo, log, event or listing tells of it, and it touches nothing but its own directory", async () => {
    const patient = await Patient.admit();
    const { workspace } = patient;
    const before = await readdir(workspace.repo("a"), { recursive: true });
    await patient.recovers();
    await patient.recovers();
    expect(await readdir(workspace.repo("a"), { recursive: true })).toEqual(before);
    expect(JSON.stringify(await workspace.status())).not.toContain("state-syncd.canary");
    expect(await readFile(workspace.paths.logFile, "utf8")).not.toContain("canary");
    for (const args of [["sync", "--all"], ["repos", "list"], ["pull", "a"], ["status"]]) {
      const { stdout, stderr } = await workspace.run(args);
      expect(stdout + stderr).not.toContain("canary");
    }
  });

  it("goes on while everything is paused, and its directory may be deleted", async () => {
    const patient = await Patient.admit();
    const { workspace } = patient;
    await workspace.run(["pause"]);
    const since = new Date().toISOString();
    await patient.isProvenAfter(since);
    await workspace.run(["resume"]);
    await rm(join(workspace.paths.stateDirectory, "canary"), { recursive: true });
    await patient.recovers();
  });
});
