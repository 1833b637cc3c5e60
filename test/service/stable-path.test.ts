import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { isPassing, stablePath, waysByPath, waysToNode } from "../../src/service/stable-path.ts";
import { useTempDirectory } from "../support/temp-dir.ts";

describe("a way that an upgrade removes", () => {
  it.each([
    "/home/me/.nvm/versions/node/v22.22.0/bin/node",
    "/home/me/.local/share/fnm/node-versions/v24.1.0/installation/bin/node",
    "/home/me/.asdf/installs/nodejs/22.22.0/bin/node",
    "/opt/homebrew/Cellar/node/26.1.0/bin/node",
    "/opt/node-v22.22.0-linux-x64/bin/node",
    "/nix/store/abc123-nodejs/bin/node",
    "/run/user/1000/fnm_multishells/1_2/bin/node",
    "/home/me/.npm/_npx/abc/node_modules/state-syncd/dist/state-syncd.cjs",
    "/tmp/x/node",
  ])("%s", (path) => expect(isPassing(path, {})).toBe(true));

  it.each([
    "/usr/bin/node",
    "/usr/local/bin/node",
    "/opt/homebrew/bin/node",
    "/opt/homebrew/opt/node@22/bin/node",
    "/home/me/.volta/bin/node",
    "/home/me/.nvm/current/bin/node",
    "/snap/node/current/bin/node",
    "/home/me/.local/lib/node_modules/state-syncd/dist/state-syncd.cjs",
  ])("not %s", (path) => expect(isPassing(path, {})).toBe(false));
});

describe("the way to a file that outlives upgrades", () => {
  const directory = useTempDirectory();
  // Everything here lies below /tmp, which is cleared; these are no such places for this user.
  const home = (): string => directory.at("home");

  async function program(path: string): Promise<string> {
    const file = directory.at(path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, "#!/bin/sh\n");
    await chmod(file, 0o755);
    return file;
  }
  async function link(to: string, path: string): Promise<string> {
    const file = directory.at(path);
    await mkdir(dirname(file), { recursive: true });
    await symlink(to, file);
    return file;
  }
  /** As it would be outside of /tmp. */
  async function chosen(file: string, ways: readonly string[]): Promise<unknown> {
    const found = await stablePath(file, ways, {}, (path) => isPassing(path.replace(directory.path, ""), {}));
    return { ...found, path: found.path.replace(`${directory.path}/`, "") };
  }

  it("is a link that leads to it and names no version", async () => {
    const real = await program("home/.nvm/versions/node/v22.22.0/bin/node");
    await link(dirname(dirname(real)), "home/.nvm/current");
    expect(await chosen(real, waysToNode(home(), {}))).toEqual({
      path: "home/.nvm/current/bin/node",
      stable: true,
    });
  });

  it("is none that leads to another version", async () => {
    const real = await program("home/.nvm/versions/node/v22.22.0/bin/node");
    await program("bin/node");
    const ways = waysByPath("node", { PATH: `${directory.at("bin")}:relative:` });
    expect(await chosen(real, ways)).toEqual({
      path: "home/.nvm/versions/node/v22.22.0/bin/node",
      stable: false,
    });
  });

  it("is Volta's own program for a node of Volta's", async () => {
    const real = await program("home/.volta/tools/image/node/22.22.0/bin/node");
    await program("home/.volta/bin/node");
    expect(await chosen(real, waysToNode(home(), {}))).toEqual({
      path: "home/.volta/bin/node",
      stable: true,
    });
  });

  it("is the file itself where that names no version", async () => {
    const real = await program("usr/bin/node");
    expect(await chosen(real, waysToNode(home(), {}))).toEqual({ path: "usr/bin/node", stable: true });
  });

  it("is the link of the installed command, and not the file in a versioned place that it leads to", async () => {
    const real = await program("lib/node22.1/node_modules/state-syncd/dist/state-syncd.cjs");
    await link(real, "bin/state-syncd");
    expect(await chosen(real, waysByPath("state-syncd", { PATH: directory.at("bin") }))).toEqual({
      path: "bin/state-syncd",
      stable: true,
    });
  });
});
