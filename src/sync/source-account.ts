import { sourceTrouble } from "../core/health.ts";
import type { Report } from "./report.ts";
import type { Found, Observation, Source } from "./sources.ts";

/** What the looks at one repo's state file amounted to: tells each thing once, when it begins and when it ends. */
export class SourceAccount {
  readonly #repo: string;
  readonly #report: Report;
  /** The code of the fault that was last told. */
  #trouble: string | undefined;
  /** What was last told of the guard's doings. */
  #guarded = NOTHING;

  constructor(repo: string, report: Report) {
    this.#repo = repo;
    this.#report = report;
  }

  looked(source: Source | undefined, observation: Observation, found: Found): void {
    // At the start every state is new to us. What is new to the peers, `section.written` tells.
    if (observation === "changed" && found !== "start" && source?.snapshot !== undefined) {
      const { sha256, body, changedAt } = source.snapshot;
      this.#report("state.changed", { repo: this.#repo, sha256, bytes: body.length, changedAt, found });
    }
    this.#tellOfGuard(source);
    this.#tellOfTrouble(source);
  }

  /** Rules and counts alone. What was found stays untold. */
  #tellOfGuard(source: Source | undefined): void {
    const { snapshot, secrets = [], secretCount = 0 } = source ?? {};
    const rules = [...new Set(secrets.map(({ rule }) => rule))];
    const hiddenCount = snapshot?.hidden ?? 0;
    const summary = [secretCount, hiddenCount, ...rules].join(" ");
    if (summary === this.#guarded) return;
    this.#guarded = summary;
    if (summary === NOTHING) return;
    this.#report("state.guarded", { repo: this.#repo, secretCount, hiddenCount, rules });
  }

  #tellOfTrouble(source: Source | undefined): void {
    const fault = source?.fault;
    const told = this.#trouble;
    this.#trouble = fault?.code;
    if (fault === undefined) {
      if (told !== undefined) this.#report("state.released", { repo: this.#repo });
    } else if (fault.code !== told) {
      const { code, message } = fault;
      const event = sourceTrouble(code) === "failed" ? "state.unreadable" : "state.held";
      this.#report(event, { repo: this.#repo, code, message });
    }
  }
}

const NOTHING = "0 0";
