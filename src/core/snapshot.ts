import { createHash } from "node:crypto";

/**
 * The content of one repo's state file at one moment, as the guard let it through. Where it came from is only a label
 * (`origin`): a snapshot may have been read from a directory of this machine, from another
 * peer's cache, or one day from another machine, and nothing downstream may care.
 */
export interface Snapshot {
  readonly repo: string;
  /** The body as it will stand in the peers' caches, byte for byte. Never mutated: all lanes share it. */
  readonly body: Buffer;
  /** Hex digest of `body`. */
  readonly sha256: string;
  /** When the source last changed (its mtime), ISO 8601 with milliseconds, UTC. */
  readonly changedAt: string;
  /** Human-readable name of the place the text came from, usually the state file's path. */
  readonly origin: string;
  readonly branch?: string;
  /** Abbreviated commit id the working tree stood on. */
  readonly commit?: string;
  /** How many secrets the guard took out of the body. Absent where none. */
  readonly secrets?: number;
  /** How many hidden characters it made visible in it. Absent where none. */
  readonly hidden?: number;
}

/** Hex SHA-256 of some bytes. */
export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
