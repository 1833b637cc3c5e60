import { describe, expect, it } from "vitest";
import { createListing } from "../../src/log/format.ts";
import { parseEntry } from "../../src/log/journal-entry.ts";

/** As journalctl of systemd 252 printed them of a real journald, with `--output-fields`. */
const RECORDED = {
  ours: String.raw`{"_TRANSPORT":"stdout","PRIORITY":"6","__CURSOR":"s=f96b6b777db74155859e644633923785;i=17;b=e2e0814d91574ccb999847a914ba2711;m=2f755a630;t=661319a4ae186;x=39514a8a6238ef91","__MONOTONIC_TIMESTAMP":"12739520048","__REALTIME_TIMESTAMP":"1795715530154374","MESSAGE":"{\"level\":\"info\",\"time\":\"2026-11-26T17:52:10.153Z\",\"event\":\"daemon.started\",\"pid\":129,\"version\":\"0.1.0\",\"config\":\"/home/me/.config/state-syncd/config.yaml\",\"node\":\"v20.20.2\"}","_BOOT_ID":"e2e0814d91574ccb999847a914ba2711"}`,
  crash: String.raw`{"_TRANSPORT":"stdout","MESSAGE":"    at Module.load (node:internal/modules/cjs/loader:1266:32)","_BOOT_ID":"e2e0814d91574ccb999847a914ba2711","PRIORITY":"6","__REALTIME_TIMESTAMP":"1795715550785788","__CURSOR":"s=17e981b4015a46fd8d1931afab6e6042;i=25;b=e2e0814d91574ccb999847a914ba2711;m=2f89075a6;t=661319b85b0fc;x=a7db6192c32b2b1b","__MONOTONIC_TIMESTAMP":"12760151462","_COMM":"node","SYSLOG_IDENTIFIER":"node"}`,
  notUtf8: `{"MESSAGE":[98,97,100,255,254],"_COMM":"node","_BOOT_ID":"e2e0814d91574ccb999847a914ba2711","__REALTIME_TIMESTAMP":"1795715550780289","SYSLOG_IDENTIFIER":"node","__CURSOR":"s=17e981b4015a46fd8d1931afab6e6042;i=17;b=e2e0814d91574ccb999847a914ba2711;m=2f890602b;t=661319b859b81;x=9af9acf2248f6e2b","_TRANSPORT":"stdout","__MONOTONIC_TIMESTAMP":"12760145963","PRIORITY":"6"}`,
  escape: `{"PRIORITY":"6","__REALTIME_TIMESTAMP":"1795715550782291","_TRANSPORT":"stdout","_BOOT_ID":"e2e0814d91574ccb999847a914ba2711","_COMM":"node","MESSAGE":[32,97,110,100,32,101,115,99,32,27,91,51,49,109,32,104,101,114,101],"__MONOTONIC_TIMESTAMP":"12760147964","__CURSOR":"s=17e981b4015a46fd8d1931afab6e6042;i=1d;b=e2e0814d91574ccb999847a914ba2711;m=2f89067fc;t=661319b85a353;x=f2133164ca92bd0"}`,
  died: `{"PRIORITY":"4","_BOOT_ID":"e2e0814d91574ccb999847a914ba2711","SYSLOG_IDENTIFIER":"systemd","_TRANSPORT":"journal","MESSAGE":"state-syncd.service: Main process exited, code=killed, status=11/SEGV","__MONOTONIC_TIMESTAMP":"12740024678","__CURSOR":"s=f96b6b777db74155859e644633923785;i=1c;b=e2e0814d91574ccb999847a914ba2711;m=2f75d5966;t=661319a5294bc;x=1d93494f7294aa18","__REALTIME_TIMESTAMP":"1795715530659004"}`,
  started: `{"PRIORITY":"6","SYSLOG_IDENTIFIER":"systemd","MESSAGE":"Started state-syncd.service.","_COMM":"systemd","_TRANSPORT":"journal","__CURSOR":"s=17e981b4015a46fd8d1931afab6e6042;i=16;b=e2e0814d91574ccb999847a914ba2711;m=2f88f7fa4;t=661319b84bafb;x=65301a99bbf366d7","__REALTIME_TIMESTAMP":"1795715550722811","__MONOTONIC_TIMESTAMP":"12760088484"}`,
} as const;

const entry = (fields: Record<string, unknown>): string =>
  JSON.stringify({ __CURSOR: "c", __REALTIME_TIMESTAMP: "1795715550722811", ...fields });

describe("an entry of the journal", () => {
  it("holds a line of ours as it was written", () => {
    const { line, cursor } = parseEntry(RECORDED.ours) ?? {};
    expect(cursor).toMatch(/^s=f96b/);
    expect(line?.record).toMatchObject({ level: "info", event: "daemon.started", fields: { pid: 129 } });
    expect(line?.raw).toMatch(/^\{"level":"info","time":"2026-11-26T17:52:10.153Z",/);
    expect(line?.time?.toISOString()).toBe("2026-11-26T17:52:10.154Z");
  });

  it.each([
    [
      "a line of a crash's trace",
      RECORDED.crash,
      "    at Module.load (node:internal/modules/cjs/loader:1266:32)",
    ],
    ["bytes that are not UTF-8", RECORDED.notUtf8, "bad\ufffd\ufffd"],
    ["an escape sequence", RECORDED.escape, " and esc \u001b[31m here"],
    ["a message too large for journalctl", entry({ _TRANSPORT: "stdout", MESSAGE: null }), ""],
    ["no message", entry({ _TRANSPORT: "stdout" }), ""],
    ["two messages", entry({ _TRANSPORT: "stdout", MESSAGE: ["one", "other"] }), "one"],
    ["two messages of bytes", entry({ _TRANSPORT: "stdout", MESSAGE: [[111, 107], [0]] }), "ok"],
  ])("holds a foreign line: %s", (_case, text, raw) => {
    const { line } = parseEntry(text) ?? {};
    expect(line).toMatchObject({ raw, record: undefined });
    expect(line?.time?.toISOString()).toMatch(/^2026-11-26T17:52:/);
  });

  it.each([
    [RECORDED.died, "warn", "state-syncd.service: Main process exited, code=killed, status=11/SEGV"],
    [RECORDED.started, "info", "Started state-syncd.service."],
    [entry({ _TRANSPORT: "journal", PRIORITY: "0", MESSAGE: "x" }), "error", "x"],
    [entry({ _TRANSPORT: "journal", PRIORITY: "3", MESSAGE: "x" }), "error", "x"],
    [entry({ _TRANSPORT: "journal", PRIORITY: "5", MESSAGE: "x" }), "info", "x"],
    [entry({ _TRANSPORT: "journal", PRIORITY: "7", MESSAGE: "a\nb" }), "debug", "a\nb"],
    [entry({ _TRANSPORT: "journal", MESSAGE: "x" }), "info", "x"],
    [entry({ _TRANSPORT: "journal", PRIORITY: "", MESSAGE: "x" }), "info", "x"],
    [entry({ _TRANSPORT: "journal", PRIORITY: "high", MESSAGE: "x" }), "info", "x"],
    // What another program says of us is no line of ours, whatever it looks like.
    [entry({ _TRANSPORT: "journal", MESSAGE: '{"level":"error"}' }), "info", '{"level":"error"}'],
  ])("holds what systemd said: %#", (text, level, message) => {
    const { line } = parseEntry(text) ?? {};
    expect(line?.record).toMatchObject({ level, event: "service.said", fields: { message } });
    expect(line?.raw).not.toContain("\n");
    expect(JSON.parse(line?.raw ?? "")).toMatchObject({ level, event: "service.said", message });
  });

  it("is shown in words", () => {
    const listing = createListing({ colour: false, now: new Date("2026-11-26T17:52:11Z") });
    const shown = Object.values(RECORDED).map((text) => {
      const line = parseEntry(text)?.line;
      return line === undefined ? "" : listing(line).replace(/^[\d:.]+/, "TIME");
    });
    expect(shown[2]).toBe("bad\ufffd\ufffd");
    expect(shown[3]).toBe(" and esc \\x1b[31m here");
    expect(shown[4]).toBe(
      "TIME warn  service manager  state-syncd.service: Main process exited, code=killed, status=11/SEGV",
    );
  });

  it.each(["", "null", "3", "[]", "{}", "-- No entries --", '{"__CURSOR":"c"}', entry({}).slice(0, -1)])(
    "is not what reads %j",
    (text) => expect(parseEntry(text)).toBeUndefined(),
  );

  it.each(["", "soon", "-1", "99999999999999999999999", 5, null])("is none at the time %j", (time) => {
    expect(parseEntry(entry({ __REALTIME_TIMESTAMP: time }))).toBeUndefined();
  });
});
