import { symlink } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { protectionOf } from "../../src/store/privacy.ts";
import { useTempDirectory } from "../support/temp-dir.ts";

const NODE = "/opt/homebrew/Cellar/node/24.1.0/bin/node";
const MAC = { platform: "darwin", home: "/Users/müller", node: NODE } as const;
const directory = useTempDirectory();

describe("whether macOS protects the place that could not be read or written", () => {
  it.each([
    ["/Users/müller/Documents/repo/STATE.md", true],
    ["/Users/müller/Documents", true],
    ["/Users/müller/Desktop/a/b/.aibrain/global-state-cache.md", true],
    ["/Users/müller/Downloads/repo/STATE.md", true],
    ["/Users/müller/Library/Mobile Documents/com~apple~CloudDocs/repo/STATE.md", true],
    ["/Users/müller/Library/CloudStorage/Dropbox/repo/STATE.md", true],
    ["/Volumes/Stick/repo/STATE.md", true],
    ["/users/müller/documents/repo/STATE.md", true],
    ["/Users/mu\u0308ller/Documents/repo/STATE.md", true],
    ["/Users/müller/repos/Documents/STATE.md", false],
    ["/Users/müller/Documents2/STATE.md", false],
    ["/Users/müller/Library/Logs/x", false],
    ["/Users/other/Documents/repo/STATE.md", false],
    ["/Documents/repo/STATE.md", false],
    ["/Volumes2/x", false],
    ["/Users/müller", false],
  ])("%s: %s", (path, expected) => {
    expect(protectionOf(path, "EPERM", MAC) !== undefined).toBe(expected);
    expect(protectionOf(path, "EACCES", MAC) !== undefined).toBe(expected);
    for (const code of ["ENOENT", "EIO", "EROFS", undefined])
      expect(protectionOf(path, code, MAC)).toBeUndefined();
    expect(protectionOf(path, "EPERM", { ...MAC, platform: "linux" })).toBeUndefined();
    expect(protectionOf(path, "EPERM")).toBeUndefined();
  });

  it("EPERM is its word; with EACCES the mode of the file may be it as well, and both are told", () => {
    const path = "/Users/müller/Documents/x";
    const grant = `Add ${NODE} under System Settings > Privacy & Security > Full Disk Access`;
    expect(protectionOf(path, "EPERM", MAC)).toMatchObject({
      isCertain: true,
      remedy: expect.stringMatching(/^Add/),
    });
    expect(protectionOf(path, "EACCES", MAC)).toMatchObject({
      isCertain: false,
      remedy: expect.stringMatching(/^If that is not it/),
    });
    for (const code of ["EPERM", "EACCES"]) {
      const remedy = protectionOf(path, code, MAC)?.remedy ?? "";
      expect(remedy).toContain(grant);
      expect(remedy).toContain("state-syncd service restart");
    }
  });

  it("a link leads there: the place that it leads to counts", async () => {
    await directory.make("home", "Documents", "repo");
    await symlink(directory.at("home", "Documents", "repo"), directory.at("repo"));
    const machine = { ...MAC, home: directory.at("home") };
    expect(protectionOf(directory.at("repo"), "EPERM", machine)).toBeDefined();
    expect(protectionOf(directory.at("home"), "EPERM", machine)).toBeUndefined();
  });
});
