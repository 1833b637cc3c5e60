import { FaultError } from "../errors.ts";
import { type Config, loadConfig } from "./load.ts";

/** A config, for who can do with less where it is missing or not right. */
export async function configIfRight(file: string): Promise<Config | undefined> {
  try {
    return await loadConfig(file);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}
