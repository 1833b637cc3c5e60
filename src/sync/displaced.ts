import type { FileHandle } from "node:fs/promises";
import type { OpenedCache } from "../store/cache-file.ts";
import { type FileIdentity, identityOf } from "../store/identity.ts";

/** Long enough for an editor or a shell that had the file open to write what it was about to. */
const WATCH_MS = 250;
/** Open handles a cache; in a storm of replacements the later ones go unwatched. */
const MOST_FILES = 8;

interface DisplacedFile {
  readonly handle: FileHandle;
  readonly content: string;
  readonly timer: NodeJS.Timeout;
}

/**
 * The files that a cache's replacements displaced, kept open for a moment. Somebody may have
 * opened one for writing just before the rename: what they write then goes to a file without a
 * name, and would be lost unseen.
 */
export class Displaced {
  readonly #onEdit: () => void;
  readonly #files = new Set<DisplacedFile>();
  #edits: Buffer[] = [];

  /** @param onEdit called when a displaced file turns out to have been edited. */
  constructor(onEdit: () => void) {
    this.#onEdit = onEdit;
  }

  /**
   * Watches a file that was just displaced, and takes over its handle.
   *
   * @returns false where the handle stays the caller's to close.
   */
  watch(opened: OpenedCache): boolean {
    const { handle, identity } = opened;
    if (handle === undefined || identity === undefined || this.#files.size >= MOST_FILES) return false;
    const file: DisplacedFile = {
      handle,
      content: contentPart(identity),
      timer: setTimeout(() => void this.#look(file), WATCH_MS),
    };
    this.#files.add(file);
    return true;
  }

  /** What was written into displaced files since the last call, oldest first. */
  take(): readonly Buffer[] {
    const edits = this.#edits;
    this.#edits = [];
    return edits;
  }

  /** Looks a last time and closes every handle. */
  async close(): Promise<void> {
    await Promise.all([...this.#files].map((file) => this.#look(file)));
  }

  async #look(file: DisplacedFile): Promise<void> {
    if (!this.#files.delete(file)) return;
    clearTimeout(file.timer);
    try {
      const stats = await file.handle.stat({ bigint: true });
      if (stats.size === 0n || contentPart(identityOf(stats)) === file.content) return;
      const bytes = Buffer.alloc(Number(stats.size));
      await file.handle.read(bytes, 0, bytes.length, 0);
      this.#edits.push(bytes);
      this.#onEdit();
    } finally {
      await file.handle.close();
    }
  }
}

/** Of an identity, what a write moves but a rename over the file does not: size and mtime. */
function contentPart(identity: FileIdentity): string {
  const [, , size, mtime] = identity.split(":");
  return `${size}:${mtime}`;
}
