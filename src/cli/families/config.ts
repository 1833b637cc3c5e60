import { command, type Family } from "../definition.ts";

export const config: Family = {
  describe: "Find, check and describe the config",
  commands: {
    path: command({
      describe: "Print where the config is",
      examples: [{ line: "config path", tells: "or where it would be" }],
      run: async (_args, context) => (await import("../../commands/config.ts")).configPath(context),
    }),
    check: command({
      describe: "Tell every mistake in the config",
      examples: [
        { line: "config check", tells: "each with its line, and what would be right" },
        { line: "config check --config new.yaml", tells: "before it is in force" },
      ],
      run: async (_args, context) => (await import("../../commands/config.ts")).configCheck(context),
    }),
    schema: command({
      describe: "Print the config's JSON Schema",
      examples: [{ line: "config schema > schema.json", tells: "for an editor" }],
      run: async (_args, context) => (await import("../../commands/config.ts")).configSchema(context),
    }),
  },
};
