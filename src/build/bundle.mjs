// Bundles the command line into dist/: few files, each loaded only when its command is called.
// Start-up time is what hooks and prompts feel. Another output directory may be named.
import { chmod, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const outdir = process.argv[2] ?? "dist";

await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: { cli: "src/cli.ts" },
  outdir,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  minifySyntax: true,
  legalComments: "linked",
  // A native add-on is found by its own package's files.
  external: ["fs-native-extensions"],
  alias: {
    // yargs measures help texts with string-width, which builds a large pattern for emoji at import.
    "string-width": "./src/build/string-width.cjs",
  },
  // Packages in the older module format call require.
  banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
  entryNames: "[name]",
  chunkNames: "chunks/[name]-[hash]",
  logLevel: "warning",
});
await writeFile(`${outdir}/state-syncd.js`, '#!/usr/bin/env node\nimport "./cli.js";\n');
await chmod(`${outdir}/state-syncd.js`, 0o755);
