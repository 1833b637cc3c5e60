import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { applyChange } from "../../src/service/change.ts";
import { Launchd } from "../../src/service/launchd.ts";
import { LABEL } from "../../src/service/plist.ts";
import { isAlive, UID } from "../support/fake-launchd.ts";
import { BOOTOUT, BOOTSTRAP, faultOf, FILE, LaunchdRig, OUTPUT, STARTS, TARGET } from "./launchd-rig.ts";

let rig: LaunchdRig;
afterEach(() => rig.end());

describe("what is on the machine already", () => {
  it("a job that was loaded by another path to the same file is ours", async () => {
    rig = await LaunchdRig.create();
    const pid = await rig.running();
    const link = `${rig.workspace.root}/link`;
    await symlink(rig.home, link);
    const manager = new Launchd({ home: link, uid: UID });
    const changes = await manager.install({ program: rig.program(), hardened: undefined, start: false });
    expect(changes.map(({ kind }) => kind)).toEqual(["write"]);
    expect((await manager.uninstall()).map(({ kind }) => kind)).toEqual([
      "run",
      "remove",
      "remove",
      "remove",
    ]);
    expect(isAlive(pid)).toBe(true);
  });

  it("a system that prints next to nothing of a job: an install can be repeated all the same", async () => {
    rig = await LaunchdRig.create({ terse: true });
    await rig.running();
    expect(await rig.install()).toEqual([]);
    expect((await rig.manager.state()).command).toEqual([]);
  });

  it("a file of that name that somebody put there: never overwritten, never removed, but started and stopped", async () => {
    rig = await LaunchdRig.create();
    await rig.install(rig.program(), false);
    const theirs = (await readFile(rig.file, "utf8")).replace(/<!-- Written.*?-->/s, "<!-- mine -->");
    await writeFile(rig.file, theirs);
    expect((await faultOf(rig.install())).code).toBe("SERVICE_FOREIGN");
    expect((await faultOf(rig.do(rig.manager.uninstall()))).code).toBe("SERVICE_FOREIGN");
    expect(await readFile(rig.file, "utf8")).toBe(theirs);
    await rig.do(rig.manager.control("start"));
    await rig.ready();
    expect(await rig.manager.state()).toMatchObject({ files: [rig.file], activity: "running" });
    await rig.do(rig.manager.control("stop"));
  });

  it("a job of our name from another file: neither replaced nor booted out", async () => {
    rig = await LaunchdRig.create();
    await rig.install(rig.program(), false);
    const elsewhere = `${rig.workspace.root}/elsewhere/${LABEL}.plist`;
    await mkdir(dirname(elsewhere));
    await writeFile(elsewhere, await readFile(rig.file, "utf8"));
    await rig.launchd.ctl("bootstrap", `gui/${UID}`, elsewhere);
    const pid = await rig.ready();
    const { code, message, remedy } = await faultOf(rig.install());
    expect([code, message]).toEqual(["SERVICE_FOREIGN", `launchd has a job ${LABEL} from ${elsewhere}`]);
    expect(remedy).toContain(`launchctl bootout ${TARGET}`);
    expect(await rig.do(rig.manager.uninstall())).toEqual([
      `remove ${FILE}`,
      `remove ${OUTPUT}`,
      `remove ${STARTS}`,
    ]);
    expect(await rig.ready()).toBe(pid);
  });

  it("the file was changed while the old one was loaded: an install that starts it loads the new one", async () => {
    rig = await LaunchdRig.create();
    const pid = await rig.running();
    const other = rig.program("--log-level", "debug");
    expect(await rig.install(other, false)).toEqual([`write ${FILE}`]);
    expect(await rig.ready()).toBe(pid);
    expect(await rig.install(other)).toEqual([BOOTOUT, `remove ${STARTS}`, BOOTSTRAP]);
    await rig.ready(pid);
    expect((await rig.manager.state()).command).toContain("debug");
  });

  it("the file is gone while the job is loaded: it is still stopped, and installed anew", async () => {
    rig = await LaunchdRig.create();
    const pid = await rig.running();
    await rm(rig.file);
    expect(await rig.manager.state()).toMatchObject({ files: [], enabled: false, activity: "running", pid });
    expect(await rig.install()).toEqual([BOOTOUT, `write ${FILE}`, `remove ${STARTS}`, BOOTSTRAP]);
    await rig.ready(pid);
  });

  it("nothing is done before it is told: the changes of an install that is only asked for leave no trace", async () => {
    rig = await LaunchdRig.create();
    const changes = await rig.manager.install({ program: rig.program(), hardened: undefined, start: true });
    expect(changes).toHaveLength(3);
    expect(await rig.manager.state()).toMatchObject({ files: [], activity: "stopped" });
    for (const change of changes) await applyChange(change, (step) => rig.manager.run(step));
    await rig.ready();
  });
});
