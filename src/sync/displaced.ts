import type { FileHandle } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import type { OpenedCache } from "../store/cache-file.ts";
import { type FileIdentity, identityOf } from "../store/identity.ts";
import { closeQuietly } from "../store/close.ts";

/** Long enough for an editor or a shell that had the file open to write what it was about to. */
const WATCH_MS = 250;
/** Who has written into a displaced file once may not be done: looks without a change until it counts as closed. */
const LONG_REST = 20;
/** Open handles a cache; in a storm of replacements the later ones go unwatched. */
const MOST_FILES = 32;

/** The text of a displaced file that somebody wrote into. */
export interface LateEdit {
  readonly bytes: Buffer;
  /** The era that the file was displaced in, see {@link Displaced.watch}. */
  readonly era: number;
}

interface DisplacedFile {
  readonly handle: FileHandle;
  readonly era: number;
  /** What it was like when it was displaced, or when an edit of it was last found ... */
  content: string;
  /** ... and when it was last looked at. */
  lastSeen: string;
  /** Looks since it last changed. */
  rest: number;
  edited: boolean;
  timer: NodeJS.Timeout;
}

/**
 * The files that a cache's replacements displaced, kept open for a moment. Somebody may have
 * opened one for writing just before the rename: what they write then goes to a file without a
 * name, and would be lost unseen.
 */
export class Displaced {
  readonly #onEdit: () => void;
  readonly #files = new Set<DisplacedFile>();
  #edits: LateEdit[] = [];

  /** @param onEdit called when a displaced file turns out to have been edited. */
  constructor(onEdit: () => void) {
    this.#onEdit = onEdit;
  }

  /**
   * Watches a file that was just displaced, and takes over its handle.
   *
   * @param era what the edits of this file are marked with.
   * @returns false where the handle stays the caller's to close.
   */
  watch(opened: OpenedCache, era: number): boolean {
    const { handle, identity } = opened;
    if (handle === undefined || identity === undefined || this.#files.size >= MOST_FILES) return false;
    const file: DisplacedFile = {
      handle,
      era,
      content: contentPart(identity),
      lastSeen: contentPart(identity),
      rest: 0,
      edited: false,
      timer: setTimeout(() => void this.#look(file), WATCH_MS),
    };
    this.#files.add(file);
    return true;
  }

  /** The edits that were found and not forgotten yet, oldest first. */
  get edits(): readonly LateEdit[] {
    return this.#edits;
  }

  /** Forgets edits that are safe elsewhere. */
  forget(edits: readonly LateEdit[]): void {
    this.#edits = this.#edits.filter((edit) => !edits.includes(edit));
  }

  /** Looks a last time and closes every handle. */
  async close(): Promise<void> {
    await Promise.all([...this.#files].map((file) => this.#look(file, true)));
  }

  /** @param last true where no later look will come. */
  async #look(file: DisplacedFile, last = false): Promise<void> {
    clearTimeout(file.timer);
    let done = true;
    try {
      const stats = await file.handle.stat({ bigint: true });
      const content = contentPart(identityOf(stats));
      file.rest = content === file.lastSeen ? file.rest + 1 : 0;
      file.lastSeen = content;
      // What a slow writer has written so far is not what it means to say; what it says last is.
      const settled = last || file.rest > 0;
      done = last || file.rest >= (file.edited ? LONG_REST : 1);
      // Its first rest, so that the cache has it soon, and its last: two copies of one file at most.
      if (settled && content !== file.content && stats.size > 0n && (!file.edited || done)) {
        if (!file.edited) done = last;
        file.content = content;
        file.edited = true;
        await this.#found(file, Number(stats.size));
      }
    } catch (error) {
      // A file whose disk went away cannot be told any more.
      if (systemCode(error) === undefined) throw error;
    }
    if (!done) {
      file.timer = setTimeout(() => void this.#look(file), WATCH_MS);
      return;
    }
    this.#files.delete(file);
    await closeQuietly(file.handle);
  }

  async #found(file: DisplacedFile, size: number): Promise<void> {
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.handle.read(bytes, 0, bytes.length, 0);
    this.#edits.push({ bytes: bytes.subarray(0, bytesRead), era: file.era });
    this.#onEdit();
  }
}

/** Of an identity, what a write moves but a rename over the file does not: size and mtime. */
function contentPart(identity: FileIdentity): string {
  const [, , size, mtime] = identity.split(":");
  return `${size}:${mtime}`;
}
