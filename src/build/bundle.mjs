// Bundles the command line into dist/: few files, each loaded only when its command is called.
// Start-up time is what hooks and prompts feel. Another output directory may be named, and with
// --crash-points the program can be told to kill itself in the middle of a write (test/crash).
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "crash-points": { type: "boolean", default: false } },
});
const outdir = positionals[0] ?? "dist";

/** What the swift files below leave to be loaded when it is needed. */
const seldom = {
  cli: "src/cli.ts",
  "hook-alone": "src/commands/hook-alone.ts",
  "status-alone": "src/commands/status-alone.ts",
  "work-alone": "src/commands/work-alone.ts",
  "dry-run": "src/commands/dry-run.ts",
  watch: "src/commands/watch.ts",
};

await rm(outdir, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { ...seldom, "guard-thread": "src/guard/thread.ts" },
  outdir,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  minifySyntax: true,
  define: {
    __CRASH_POINTS__: String(values["crash-points"]),
    // Seen from a chunk: the guard is loaded when it is needed.
    __GUARD_THREAD__: JSON.stringify("../guard-thread.js"),
  },
  metafile: true,
  legalComments: "none",
  // A native add-on is found by its own package's files.
  external: ["fs-native-extensions"],
  alias: {
    // yargs measures help texts with string-width, which builds a large pattern for emoji at import.
    "string-width": "./src/build/string-width.cjs",
    // What it gives to require loads its parts by a name that no bundler can follow.
    "jsonc-parser": "jsonc-parser/lib/esm/main.js",
  },
  // Packages in the older module format call require.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  entryNames: "[name]",
  chunkNames: "chunks/[name]-[hash]",
  logLevel: "warning",
});
const inputs = [
  metafile.inputs,
  await swift("hook", []),
  await swift("tab", []),
  await swift("quick", ["status", "sync"]),
].flatMap(Object.keys);
await writeFile(join(outdir, "state-syncd.cjs"), await readFile("src/build/launcher.cjs"));
await chmod(join(outdir, "state-syncd.cjs"), 0o755);
await writeFile(join(outdir, "state-syncd.1"), await manual());
await writeFile(join(outdir, "THIRD-PARTY.txt"), await licenses(inputs));

/**
 * What somebody waits for at each prompt, tool call and Tab, and what is one question to the daemon: a
 * file in the older module format, which starts sooner. The rest of what it may need it takes from the
 * bundle above: the guard, and the code of commands.
 *
 * @param commands those that it can do by itself.
 */
async function swift(name, commands) {
  const { metafile } = await build({
    entryPoints: { [name]: `src/${name}.ts` },
    outdir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    minifySyntax: true,
    define: { __CRASH_POINTS__: "false" },
    external: ["fs-native-extensions"],
    metafile: true,
    legalComments: "none",
    logLevel: "warning",
    plugins: [
      {
        name: "what is seldom needed",
        setup: (bundler) => {
          bundler.onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
            const [, room, file] = /(\w+)\/([\w-]+)\.ts$/.exec(join(resolveDir, path)) ?? [];
            const isElsewhere = ["commands", "guard"].includes(room) || file === "cli";
            if (kind !== "dynamic-import" || !isElsewhere || commands.includes(file)) return undefined;
            return { path: `./${Object.hasOwn(seldom, file) ? file : "cli"}.js`, external: true };
          });
        },
      },
    ],
  });
  return metafile.inputs;
}

/** The manual page, by the definitions of the commands. Their code, which is loaded when it is called, is not needed. */
async function manual() {
  const { outputFiles } = await build({
    stdin: {
      contents:
        'import { manual } from "./cli/manual.ts"; import { VERSION } from "./version.ts"; export default manual(VERSION);',
      resolveDir: "src",
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    plugins: [
      {
        name: "without what is loaded later",
        setup: (bundler) => {
          bundler.onResolve({ filter: /^\./ }, ({ kind, path }) =>
            kind === "dynamic-import" ? { path, external: true } : undefined,
          );
        },
      },
    ],
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  return (await import(`data:text/javascript;base64,${code}`)).default;
}

/** The licenses of the packages that are in the bundle, which ask to go where their code goes. */
async function licenses(inputs) {
  const packages = new Set(
    inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  const texts = [...packages]
    .sort((a, b) => a.localeCompare(b, "en"))
    .map(async (directory) => {
      const { name, version, license } = JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
      const file = (await readdir(directory)).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? "" : `\n${(await readFile(join(directory, file), "utf8")).trim()}\n`;
      return `${name} ${version} (${license})\n${text}`;
    });
  return `state-syncd contains these packages.\n\n${(await Promise.all(texts)).join(`\n${"-".repeat(72)}\n`)}`;
}
