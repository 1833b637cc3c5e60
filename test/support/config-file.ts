import { rename, writeFile } from "node:fs/promises";
import type { RepoOptions, Workspace } from "./workspace.ts";

/** A repo's entry; `path` where it is another than the one of its name. */
export interface Entry extends RepoOptions {
  readonly path?: string;
}

/** Puts a config in place in one step, with what {@link Workspace.configure} has no words for. */
export async function placeConfig(
  workspace: Workspace,
  repos: Readonly<Record<string, Entry>>,
  settings: { readonly rescan?: string; readonly maxBytes?: number } = {},
): Promise<void> {
  const entries = Object.entries(repos).map(([name, entry]) => [
    name,
    { path: workspace.repo(name), ...entry },
  ]);
  const { config } = workspace.paths;
  await writeFile(
    `${config}.new`,
    JSON.stringify({ version: 1, repos: Object.fromEntries(entries), ...settings }),
  );
  await rename(`${config}.new`, config);
}
