/** Says of a rule that failed what may be said in public: its name, and nothing of the text. */
export class RuleError extends Error {
  override readonly name = "RuleError";
}
