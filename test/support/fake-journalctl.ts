import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A `journalctl` that does what a test wants of it, first on the PATH of what is run with it. */
export class FakeJournalctl {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = join(directory, "bin");
    mkdirSync(this.#directory, { recursive: true });
  }

  get env(): Readonly<Record<string, string>> {
    return { PATH: `${this.#directory}:${process.env["PATH"] ?? ""}` };
  }

  /** @param script for sh; `$@` are the arguments. What process it is, and how it was called, is kept. */
  does(script: string): void {
    const path = join(this.#directory, "journalctl");
    const kept = `echo $$ >>'${this.#at("pids")}'; echo "$@" >>'${this.#at("calls")}'`;
    writeFileSync(path, `#!/bin/sh\n${kept}\n${script}\n`);
    chmodSync(path, 0o755);
  }

  /** Prints these entries, the newest first as it is asked to, and is silent when it is to follow. */
  holds(entries: readonly string[], follow = "exec sleep 1000"): void {
    const newestFirst = entries.toReversed().map((entry) => `${entry}\n`);
    writeFileSync(this.#at("entries"), newestFirst.join(""));
    this.does(`case "$*" in *--follow*) ${follow};; *) exec cat '${this.#at("entries")}';; esac`);
  }

  /** Its arguments, call by call. */
  calls(): string[] {
    return this.#linesOf("calls");
  }

  /** Those that are still at work. */
  running(): number[] {
    return this.#linesOf("pids")
      .map(Number)
      .filter(
        (pid) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")),
      );
  }

  #linesOf(name: string): string[] {
    if (!existsSync(this.#at(name))) return [];
    return readFileSync(this.#at(name), "utf8").trimEnd().split("\n");
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }
}

/** An entry as `journalctl -o json` prints it. @param transport "stdout" is the service itself, "journal" is systemd. */
export function journalEntry(time: Date, message: string, transport = "stdout", priority = 6): string {
  return JSON.stringify({
    MESSAGE: message,
    PRIORITY: String(priority),
    _TRANSPORT: transport,
    __CURSOR: `at-${time.getTime()}`,
    __REALTIME_TIMESTAMP: `${time.getTime()}000`,
  });
}
