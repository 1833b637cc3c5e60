import { command, type Family } from "../definition.ts";

export const repos: Family = {
  describe: "List, add and remove repos",
  details: ["Edits the config in place, and keeps its comments. A running daemon follows at once."],
  commands: {
    list: command({
      describe: "Print the registered repos",
      examples: [
        { line: "repos list", tells: "which ones, and what differs from the defaults" },
        { line: "repos list --json", tells: "for scripts" },
      ],
      run: async (_args, context) => (await import("../../commands/repos.ts")).reposList(context),
    }),
    add: command({
      describe: "Register a repo",
      positionals: { path: { describe: "Its directory", required: true, completes: "directory" } },
      options: {
        name: { type: "text", value: "NAME", describe: "Its name (from the directory if not given)" },
        role: {
          type: "text",
          value: "ROLE",
          choices: ["execution", "passive"],
          describe: "passive: neither read nor written",
        },
        stateFile: { type: "text", value: "FILE", describe: "Instead of STATE.md", completes: "file" },
        groups: { type: "texts", value: "GROUP", describe: "Share only inside these groups" },
        exclude: { type: "toggle", describe: "Put its cache into .git/info/exclude; asks if not given" },
      },
      examples: [
        { line: "repos add .", tells: "the repo you are in" },
        { line: "repos add ~/repos/site --name website --groups web", tells: "under another name" },
        { line: "repos add ~/notes --role passive", tells: "known, never read, never written" },
      ],
      run: async (args, context) => (await import("../../commands/repos.ts")).reposAdd(args, context),
    }),
    remove: command({
      describe: "Take a repo out of the config",
      details: ["Touches nothing in the repo."],
      positionals: { name: { describe: "A registered repo", required: true, completes: "repo" } },
      examples: [{ line: "repos remove website", tells: "its peers' caches are cleared of its state" }],
      run: async (args, context) => (await import("../../commands/repos.ts")).reposRemove(args, context),
    }),
  },
};
