import { type Given, MisfitError } from "./definition.ts";

/** What a line says to every command. */
export interface GlobalArgs {
  readonly config: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
}

/** @throws MisfitError */
export function globalsIn({ config, json, verbose }: Given): GlobalArgs {
  if (config !== undefined && typeof config !== "string") throw new MisfitError("config");
  return { config, json: json === true, verbose: verbose === true };
}
