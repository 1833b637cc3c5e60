/** Says of a rule that failed what may be said in public: its name, and nothing of the text. */
export class RuleError extends Error {
  override readonly name: string = "RuleError";
}

/** The same where no rule is to blame but its thread: the next try may go well. */
export class ThreadError extends RuleError {
  override readonly name = "ThreadError";
}
