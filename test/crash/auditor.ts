import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { merge } from "../../src/core/cache/merge.ts";
import { parse } from "../../src/core/cache/parse.ts";
import { copiesOf } from "../../src/store/copies.ts";
import { isLocked } from "../../src/store/lock.ts";
import type { Workspace } from "../support/workspace.ts";
import { type Note, notesIn, type Storm } from "./storm.ts";

/** All that may lie in a workspace between two storms. Not a temporary, for one. */
const EXPECTED = [
  /^config\/state-syncd\/config\.yaml$/,
  /^repos\/[a-z]\/(README\.md|STATE\.md|\.aibrain\/global-state-cache\.md)$/,
  /^run\/state-syncd\/control\.sock$/,
  /^state\/state-syncd\/(lock|state-syncd\.log|canary\/.*)$/,
  /^state\/state-syncd\/copies\/[a-z]\/\d{8}T\d{9}Z-(damaged|late-edit)-[0-9a-f]{8}\.md$/,
];

/** Holds the program to its promises, from what it left on the disk. */
export class Auditor {
  /**
   * Notes that went into a cache just as it was replaced, whose finder was killed before it could
   * look: they were never in a file that has a name.
   */
  readonly unseen = new Set<Note>();
  readonly #workspace: Workspace;
  readonly #storm: Storm;
  /** Notes that were in their cache while nothing of the program ran. */
  readonly #settled = new Set<Note>();
  /** Notes that are in a copy; there they stay until many later ones come. */
  readonly #copied = new Set<Note>();

  constructor(workspace: Workspace, storm: Storm) {
    this.#workspace = workspace;
    this.#storm = storm;
  }

  /** What must be so at any moment at which nothing of the program runs. @throws Error that says what is not. */
  async auditTheDead(): Promise<void> {
    if (await isLocked(this.#workspace.paths)) throw new Error("the dead still hold the lock");
    for (const repo of this.#storm.repos) this.#auditCache(repo);
    await this.#auditNotes();
  }

  /** What must be so when the storm is over and a daemon says that all is well. @throws Error that says what is not. */
  async auditTheRested(): Promise<void> {
    for (const to of this.#storm.repos) {
      this.#auditCache(to);
      for (const from of this.#storm.repos) {
        if (from === to || (await this.#workspace.received(to, from)) === this.#storm.latest(from)) continue;
        throw new Error(`${to} does not hold what ${from} saved last`);
      }
      const state = await readFile(this.#workspace.stateFile(to), "utf8");
      if (state !== this.#storm.latest(to)) throw new Error(`somebody else wrote ${to}'s state file`);
    }
    await this.#auditNotes();
    const entries = await readdir(this.#workspace.root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(this.#workspace.root.length + 1));
    const litter = files.filter((file) => !EXPECTED.some((pattern) => pattern.test(file)));
    if (litter.length > 0) throw new Error(`left behind: ${litter.join(", ")}`);
  }

  #auditCache(repo: string): void {
    const bytes = this.#cacheOf(repo);
    if (bytes === undefined) return;
    const registered = this.#storm.repos;
    const { parts, debris, joined } = parse(bytes, { registered });
    const complain = (what: string): never => {
      throw new Error(`${repo}'s cache: ${what}`);
    };
    if (debris.length > 0 || joined) complain(`has debris: ${debris.map(({ why }) => why).join(", ")}`);
    const seen = new Set<string>();
    for (const part of parts) {
      if (part.kind === "foreign") continue;
      // A section whose body does not hash to what it says is a damaged one.
      if (part.kind !== "section") return complain(`a ${part.kind} section of ${part.repo}`);
      const { repo: peer, body } = part.section;
      if (peer === repo || seen.has(peer)) complain(`a second section of ${peer}, or one of its own`);
      seen.add(peer);
      const wrong = this.#storm.wrongWith(peer, body.toString("utf8"));
      if (wrong !== undefined) complain(`${peer} never saved what it holds of it: ${wrong}`);
    }
    const peers = registered.filter((name) => name !== repo);
    const request = { peers, registered, snapshots: new Map(), now: new Date().toISOString() };
    if (merge(bytes, request).changed) complain("is not as a turn would leave it");
  }

  async #auditNotes(): Promise<void> {
    const present = new Map<string, number>();
    for (const repo of this.#storm.repos) {
      for (const text of notesIn(this.#cacheOf(repo))) present.set(text, (present.get(text) ?? 0) + 1);
    }
    for (const note of this.#storm.notes) {
      const times = present.get(note.text) ?? 0;
      if (times > 1) throw new Error(`${note.text}: is there ${times} times`);
      if (times === 1) this.#settled.add(note);
      else if (!this.#copied.has(note) && !this.unseen.has(note)) await this.#findCopyOf(note);
    }
  }

  async #findCopyOf(note: Note): Promise<void> {
    for (const copy of await copiesOf(note.cache, this.#workspace.paths.copiesDirectory)) {
      if (!notesIn(await readFile(copy.path)).includes(note.text)) continue;
      this.#copied.add(note);
      return;
    }
    if (this.#settled.has(note)) throw new Error(`${note.text}: is lost`);
    this.unseen.add(note);
  }

  #cacheOf(repo: string): Buffer | undefined {
    try {
      return readFileSync(this.#workspace.cacheFile(repo));
    } catch {
      return undefined;
    }
  }
}
