import { chmod, readFile, writeFile } from "node:fs/promises";
import { afterEach, expect, it } from "vitest";
import { Supervisor } from "../../src/daemon/supervisor.ts";
import { VitalSigns } from "../../src/daemon/vital-signs.ts";
import { type Fault, fault } from "../../src/errors.ts";
import { eventually } from "../support/eventually.ts";
import { useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
const path = process.env["PATH"];
afterEach(() => {
  process.env["PATH"] = path;
});

it("feeds the watchdog as long as a restart would not help, and no longer", async () => {
  const tool = directory.at("systemd-notify");
  await writeFile(tool, `#!/bin/sh\necho "$*" >>"${directory.at("told")}"\n`);
  await chmod(tool, 0o755);
  process.env["PATH"] = `${directory.path}:${path}`;
  const told = async (): Promise<string[]> => {
    const text = await readFile(directory.at("told"), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  };
  const fed = async (): Promise<number> =>
    (await told()).filter((line) => line.includes("WATCHDOG=1")).length;

  const supervisor = Supervisor.from({ NOTIFY_SOCKET: directory.at("socket"), WATCHDOG_USEC: "150000" });
  let problem: Fault | undefined;
  let line = "well";
  const signs = new VitalSigns({
    supervisor,
    report: () => undefined,
    overview: { line: () => line },
    canary: {
      get proof() {
        return { provenAt: null, lagMs: null, fault: problem };
      },
    },
  });
  await signs.ready();
  expect((await told())[0]).toBe("READY=1 STATUS=well");
  await eventually("it to be fed", async () => (await fed()) >= 2);
  // A full disk is told, and not killed for.
  problem = fault("DAEMON_UNPROVEN", "cannot save");
  const before = await fed();
  await eventually("it to be fed all the same", async () => (await fed()) >= before + 2);
  problem = fault("DAEMON_STUCK", "a save was not written");
  line = "stuck";
  signs.changed();
  // This word comes after all that was under way, and a second later: some twenty feeds would fit in.
  await eventually("the new line", async () => (await told()).at(-1) === "STATUS=stuck");
  expect((await told()).some((each) => each.includes("WATCHDOG=1") && each.includes("stuck"))).toBe(false);
  await signs.stopping();
  expect((await told()).at(-1)).toBe("STOPPING=1 STATUS=finishing what is due");
});
