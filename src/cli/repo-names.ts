import { parse } from "yaml";
import { NAME_PATTERN } from "../core/name.ts";

/** The names of a config's repos. Without its schema, which takes longer to load than a Tab may take. */
export function namesIn(text: string): string[] {
  try {
    const config: unknown = parse(text, { stringKeys: true, logLevel: "silent" });
    if (typeof config !== "object" || config === null || !("repos" in config)) return [];
    const { repos } = config;
    // What is no name may be no word for a shell either.
    return typeof repos === "object" && repos !== null
      ? Object.keys(repos).filter((key) => NAME_PATTERN.test(key))
      : [];
  } catch {
    return [];
  }
}
