import { stat } from "node:fs/promises";
import type { LogLine } from "../log/format.ts";
import { readJournal } from "../log/journal.ts";
import { mergeByTime } from "../log/merge.ts";
import { type LogFilter, readLog } from "../log/read.ts";
import type { Paths } from "../paths.ts";

/** Where the log of a state directory's daemon may be. */
export interface LogPlaces {
  readonly file: string;
  readonly hasJournal: boolean;
}

/**
 * The journal knows one unit a user, and a state directory that somebody has chosen may be another
 * daemon's: its lines are not mixed in unless it has logged there.
 */
export async function placesOf({ logFile: file, stateChosen, journalMark }: Paths): Promise<LogPlaces> {
  const isMarked = async (): Promise<boolean> =>
    (await stat(journalMark).catch(() => undefined)) !== undefined;
  return { file, hasJournal: !stateChosen || (await isMarked()) };
}

export interface Found {
  /** The newest that pass the filter, oldest first. */
  readonly lines: readonly LogLine[];
  /** False where there is no log at all. */
  readonly isThere: boolean;
  /** Why the journal could not be read. */
  readonly trouble: string | undefined;
}

/** The newest lines of all places, by time. @throws FaultError LOG_UNREADABLE. */
export async function readPlaces(places: LogPlaces, filter: LogFilter, lines: number): Promise<Found> {
  const [filed, journal] = await Promise.all([
    readLog(places.file, filter, { lines }),
    places.hasJournal ? readJournal(filter, { lines }) : undefined,
  ]);
  const isThere = filed !== undefined || journal?.isThere === true;
  return {
    lines: newest(mergeByTime(filed ?? [], journal?.lines ?? []), lines),
    isThere,
    trouble: journal?.trouble,
  };
}

export function newest(found: readonly LogLine[], lines: number): readonly LogLine[] {
  return lines === 0 ? [] : found.slice(-lines);
}
