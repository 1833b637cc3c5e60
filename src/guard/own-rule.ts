/**
 * A rule of our own, for what no maintained rule covers. It runs on the engine of JavaScript,
 * which is many times faster here than one that promises linear time; so a pattern has to be
 * linear by its making: every repetition is bounded or can end in one way only, and none
 * starts anew at each character of a run that another start has already walked.
 */
export interface OwnRule {
  readonly rule: string;
  /** A text that holds none of these is not searched. Saves most of the time. */
  readonly hints?: readonly string[];
  /** With the flag `g`. The match, or its group `secret`, or `quoted`, or `bare`, which ends it, is the secret. */
  readonly pattern: RegExp;
  /** How much of that it really is, from its start; 0 where it is none. By default all, but for placeholders. */
  readonly length?: (secret: string, match: RegExpExecArray) => number;
}
