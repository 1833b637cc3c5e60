import { FaultError } from "../../errors.ts";
import { findHooks, type OldHook, type OwnHook } from "./edit.ts";
import { edited, readSettings } from "./file.ts";

/** What of ours, and of the utility that we replace, stands in a settings file. */
export interface Wired {
  readonly file: string;
  readonly own: readonly OwnHook[];
  readonly old: readonly OldHook[];
  /** The line that switches all hooks off, from 1. */
  readonly off: number | undefined;
  /** Why it is not understood, where something of ours stands in it. */
  readonly broken: FaultError | undefined;
}

/** @returns no hook where the file is not there, or is not understood: no agent would take it, either. */
export async function lookIntoSettings(file: string): Promise<Wired> {
  let text = "";
  try {
    const settings = await readSettings(file);
    ({ text } = settings);
    return { file, ...edited(settings, findHooks), broken: undefined };
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    const broken = text.includes("state-syncd") ? error : undefined;
    return { file, own: [], old: [], off: undefined, broken };
  }
}

/** That no hook of a file is called. */
export function offWords({ file }: Wired, line: number): string {
  return `${file}:${line} has \`disableAllHooks\`: while that stands there Claude Code calls no hook.`;
}
