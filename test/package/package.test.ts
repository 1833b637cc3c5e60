import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CRASH_POINTS } from "../../src/store/crash-point.ts";
import { textsUnder } from "../support/temp-dir.ts";

/** Packing builds `dist`; this is the one test file that does. */
let directory: string;
let installed: string;
const npm = (...args: string[]): string =>
  execFileSync("npm", [...args, "--no-audit", "--no-fund"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });

beforeAll(() => {
  directory = mkdtempSync("/tmp/ss-package-");
  const [packed]: { filename: string }[] = JSON.parse(
    npm("pack", "--json", "--silent", "--pack-destination", directory),
  );
  npm("install", "--global", "--prefix", directory, join(directory, packed?.filename ?? ""));
  installed = join(directory, "bin", "state-syncd");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("the package", () => {
  it("installs globally and runs its main job from there", () => {
    const out = execFileSync(installed, ["demo"], { encoding: "utf8", cwd: "/" });
    expect(out).toContain("storefront knows after");
    expect(out).toContain("healthy: 6 of 6 edges fresh");
  });

  it("links its manual page where man looks", () => {
    const page = readFileSync(join(directory, "share", "man", "man1", "state-syncd.1"), "utf8");
    expect(page).toBe(readFileSync("dist/state-syncd.1", "utf8"));
  });

  it("tells the version that its manifest has", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(execFileSync(installed, ["--version"], { encoding: "utf8" }).trim()).toBe(version);
  });

  it("holds what it needs and no file that does not belong", () => {
    const root = join(directory, "lib", "node_modules", "state-syncd");
    const files = execFileSync(
      "find",
      [root, "-type", "f", "-not", "-path", "*/node_modules/fs-native-extensions/*"],
      {
        encoding: "utf8",
      },
    );
    const names = files
      .trim()
      .split("\n")
      .map((path) =>
        path.slice(root.length + 1).replace(/^node_modules\/(?:@[^/]+\/)?[^/]+\/.*/, "node_modules"),
      )
      .map((path) => path.replace(/^dist\/chunks\/.*\.js$/, "dist/chunks/*.js"));
    expect([...new Set(names)].sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "config/config.example.yaml",
      "config/config.schema.json",
      "dist/THIRD-PARTY.txt",
      "dist/chunks/*.js",
      "dist/cli.js",
      "dist/dry-run.js",
      "dist/guard-thread.js",
      "dist/hook-alone.js",
      "dist/hook.cjs",
      "dist/quick.cjs",
      "dist/state-syncd.1",
      "dist/state-syncd.cjs",
      "dist/status-alone.js",
      "dist/tab.cjs",
      "dist/watch.js",
      "dist/work-alone.js",
      "docs/agents.md",
      "docs/migrating.md",
      "docs/performance.md",
      "docs/scale.md",
      "launchd/io.github.state-syncd.plist",
      "node_modules",
      "package.json",
      "systemd/hardened.conf",
      "systemd/state-syncd-registry.path",
      "systemd/state-syncd-registry.service",
      "systemd/state-syncd.service",
    ]);
  });

  it("holds nothing of what the crash tests need: no point to die at, no variable that would name one", () => {
    const shipped = textsUnder(join(directory, "lib", "node_modules", "state-syncd", "dist"));
    const crashing = textsUnder(process.env["STATE_SYNCD_CRASHING_BUNDLE"] ?? "");
    for (const word of [...CRASH_POINTS, "STATE_SYNCD_CRASH_AT", "STATE_SYNCD_CRASH_TRACE", "crashPoint"]) {
      expect(crashing).toContain(word);
      expect(shipped).not.toContain(word);
    }
  });

  it("the README names exactly the two commands of a fresh clone, and they exist", () => {
    const readme = readFileSync("README.md", "utf8");
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(readme.match(/^npm ci && npm .+$/gm)).toEqual(["npm ci && npm run demo", "npm ci && npm test"]);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["demo", "test"]));
  });
});
