import { FaultError } from "../../errors.ts";
import { findHooks, type OldHook, type OwnHook } from "./edit.ts";
import { edited, readSettings } from "./file.ts";

/** What of ours, and of the utility that we replace, stands in a settings file. */
export interface Wired {
  readonly file: string;
  readonly own: readonly OwnHook[];
  readonly old: readonly OldHook[];
}

/** @returns nothing of either where the file is not there, or is not understood: no agent would take it, either. */
export async function lookIntoSettings(file: string): Promise<Wired> {
  try {
    return { file, ...edited(await readSettings(file), findHooks) };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return { file, own: [], old: [] };
  }
}
