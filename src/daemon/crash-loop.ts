import { unlink } from "node:fs/promises";
import { uptime } from "node:os";
import { within } from "../concurrently.ts";
import { EXIT, exitCodeOf, FaultError, systemCode } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { isLaunchdJob } from "../service/launchd-job.ts";
import { makePrivateDirectory } from "../store/private-directory.ts";
import { readStartRecord, type StartRecord, writeStartRecord } from "../store/start-record.ts";
import { writable, type WritablePath } from "../store/write-scope.ts";
import { shortenOutput } from "./launchd-output.ts";

/** The same as in the systemd unit. */
const MOST_STARTS = 5;
const WITHIN_S = 300;

const GIVEN_UP = `the daemon has ended ${MOST_STARTS} times within ${WITHIN_S / 60} minutes, and is left off`;
const REMEDY =
  "See `state-syncd logs`, and above. To start it again: `state-syncd service start`; a login after five minutes does so too.";

/** The last step of an end that has its time, on a disk that may hang. */
const FORGET_MS = 2_000;

/**
 * Limits how often launchd starts the daemon, which itself has no limit: it starts again what has
 * failed, every ten seconds, for ever. Who ends with exit code 0 is left alone.
 *
 * A start counts until it has ended well or five minutes have passed: so a run that has lived that
 * long counts for nothing, nor does what was before a login long after. Before a start that
 * somebody means the commands remove the record.
 */
export class StartLimit {
  readonly #file: WritablePath | undefined;
  #starts: readonly number[] = [];
  /** Why not to start, line by line. Empty where nothing speaks against it. */
  #refusal: readonly string[] = [];
  /** Where a start cannot be counted, the first that fails is the last. */
  #isCounted = false;

  private constructor(file: WritablePath | undefined) {
    this.#file = file;
  }

  /** Counts this start where it is launchd's; elsewhere whoever starts the daemon has a limit, or eyes. */
  static async begin(paths: Paths): Promise<StartLimit> {
    if (!isLaunchdJob(process.env, process.ppid)) return new StartLimit(undefined);
    const limit = new StartLimit(writable(paths.startsFile, { registry: { repos: [] }, paths }));
    const earlier = await readStartRecord(paths.startsFile);
    const { starts, refused } = decide(earlier, uptime());
    limit.#starts = starts;
    shortenOutput();
    if (refused) {
      limit.#refusal = [GIVEN_UP, `  ${REMEDY}`];
      await limit.#write(GIVEN_UP);
      return limit;
    }
    limit.#isCounted = await makePrivateDirectory(paths.stateDirectory).then(
      () => limit.#write(""),
      () => false,
    );
    return limit;
  }

  get refusal(): readonly string[] {
    return this.#refusal;
  }

  /**
   * Hears of a start that failed.
   *
   * @returns what to say before an end with exit code 0, line by line; undefined where another
   *   start may help and launchd is to make it.
   */
  async failed(error: unknown): Promise<readonly string[] | undefined> {
    if (this.#file === undefined || !(error instanceof FaultError)) return undefined;
    // Only its user's hand mends a config: each further start would end the same way.
    const isUsers = exitCodeOf(error.fault.code) === EXIT.usage;
    if (!isUsers && this.#isCounted) return undefined;
    await this.#write(error.message);
    return [...error.lines, `  ${error.fault.remedy}`, `  Then: \`state-syncd service start\`.`];
  }

  /** The daemon has ended as it should. */
  async endedWell(): Promise<void> {
    if (this.#file === undefined) return;
    try {
      await within(FORGET_MS, unlink(this.#file));
    } catch (error) {
      // It counts for five minutes then.
      if (systemCode(error) === undefined) throw error;
    }
  }

  /** @returns false where the record cannot be written. */
  async #write(givenUp: string): Promise<boolean> {
    if (this.#file === undefined) return false;
    try {
      await writeStartRecord(this.#file, { starts: this.#starts, givenUp });
      return true;
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return false;
    }
  }
}

/**
 * Whether one more start is too many.
 *
 * @param now seconds since the machine came up: no clock that can be set, and one that tells a new start of it.
 * @returns the starts that count from now on.
 */
export function decide(
  { starts }: Pick<StartRecord, "starts">,
  now: number,
): { readonly starts: readonly number[]; readonly refused: boolean } {
  const recent = starts.filter((start) => start <= now && now - start < WITHIN_S);
  if (recent.length >= MOST_STARTS) return { starts: recent, refused: true };
  return { starts: [...recent, now], refused: false };
}
