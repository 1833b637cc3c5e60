import { appendFile, chmod, mkdir, readFile, rename, stat, truncate, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../../src/errors.ts";
import { originalWrite } from "../core/original-utility.ts";
import { removeIfThere } from "./files.ts";
import { type FoundSection, readCache } from "./reading.ts";
import type { Edit } from "./steps.ts";

/** What somebody made of a cache. */
export interface Edited {
  /** Undefined where they deleted it. */
  readonly bytes: Buffer | undefined;
  /** They changed what is not theirs. */
  readonly disturbed: boolean;
  /** They wrote the whole file anew where it stood: what they write is in no named file if it is displaced meanwhile. */
  readonly inPlace: boolean;
  /** The permission bits, where the edit set them. */
  readonly mode: number | undefined;
  readonly note: string | undefined;
}

export interface Surroundings {
  /** The cache as it was some time ago. */
  readonly old: Buffer | undefined;
  /** What a peer's state file holds; undefined where there is no text to read. */
  readonly stateOf: (peer: string) => string | undefined;
}

export function noteLine(note: number): string {
  return `(note#${note}) by hand`;
}

/** @returns undefined where there was nothing to edit. */
export async function editByHand(
  file: string,
  edit: Edit,
  around: Surroundings,
): Promise<Edited | undefined> {
  const before = await readIfThere(file);
  if (edit.kind === "note") return await writeNote(file, before, edit);
  if (before === undefined) return undefined;
  const disturbed = { disturbed: true, inPlace: true, mode: undefined, note: undefined };
  switch (edit.kind) {
    case "delete":
      await removeIfThere(file);
      return { ...disturbed, bytes: undefined, disturbed: false, inPlace: false };
    case "mode":
      await chmod(file, edit.mode);
      return { bytes: before, disturbed: false, inPlace: false, mode: edit.mode, note: undefined };
    case "cut": {
      const length = Math.floor(edit.at * before.length);
      await truncate(file, length);
      return { ...disturbed, bytes: before.subarray(0, length), inPlace: false };
    }
    case "inside":
    case "drop a section":
    case "double":
    case "check out an old one":
    case "original utility": {
      const bytes = rewritten(before, edit, around);
      if (bytes === undefined) return undefined;
      await writeFile(file, bytes);
      return { ...disturbed, bytes };
    }
  }
}

function rewritten(before: Buffer, edit: Edit, around: Surroundings): Buffer | undefined {
  switch (edit.kind) {
    case "double":
      return Buffer.concat([before, before]);
    case "check out an old one":
      return around.old;
    case "original utility": {
      const text = around.stateOf(edit.peer);
      return text === undefined
        ? undefined
        : originalWrite(before, edit.peer, text, "2026-11-22T16:54:57.245810");
    }
    case "inside": {
      const section = sectionAt(before, edit.at);
      if (section === undefined) return undefined;
      const at = Math.floor(section.start + (section.end - section.start) * ((edit.at * 7) % 1));
      return splice(before, at, at, " altered ");
    }
    case "drop a section": {
      const section = sectionAt(before, edit.at);
      return section === undefined ? undefined : splice(before, section.start, section.end, "");
    }
    case "note":
    case "delete":
    case "mode":
    case "cut":
      return undefined;
  }
}

async function writeNote(
  file: string,
  before: Buffer | undefined,
  edit: Extract<Edit, { kind: "note" }>,
): Promise<Edited> {
  const note = noteLine(edit.note);
  const whole = before ?? Buffer.alloc(0);
  const bytes = splice(whole, ...placeOf(whole, edit), `\n${note}\n`);
  await mkdir(dirname(file), { recursive: true });
  switch (edit.how) {
    case "appended":
      await appendFile(file, `\n${note}\n`);
      break;
    case "in place":
      await writeFile(file, bytes);
      break;
    case "by rename":
      await writeFile(`${file}.edit`, bytes);
      await rename(`${file}.edit`, file);
      break;
  }
  const isNew = before === undefined || edit.how === "by rename";
  const mode = isNew ? (await stat(file)).mode & 0o777 : undefined;
  return { bytes, disturbed: false, inPlace: edit.how === "in place", mode, note };
}

function placeOf(whole: Buffer, edit: Extract<Edit, { kind: "note" }>): [number, number] {
  if (edit.where === "top") return [0, 0];
  const section = edit.where === "between" ? sectionAt(whole, edit.at) : undefined;
  if (section === undefined) return [whole.length, whole.length];
  // Behind the rule that closes the section.
  const rule = "\n---\n";
  const end = section.end + (whole.toString("latin1", section.end).startsWith(rule) ? rule.length : 0);
  return [end, end];
}

function sectionAt(bytes: Buffer, at: number): FoundSection | undefined {
  const { sections } = readCache(bytes);
  return sections[Math.floor(at * sections.length)];
}

function splice(bytes: Buffer, from: number, to: number, text: string): Buffer {
  return Buffer.concat([bytes.subarray(0, from), Buffer.from(text), bytes.subarray(to)]);
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return undefined;
  }
}
