/*
 * For `node --import`: shows a process another time of day. By how many milliseconds it differs is
 * read from a file at each look at the clock, so that a test can set the clock at any moment. What
 * counts time that passes, timers and `performance`, goes on as it does when a clock is set.
 */
import { readFileSync } from "node:fs";

const order = process.env["SHIFTED_CLOCK"] ?? "";
const TrueDate = Date;

function now() {
  try {
    return TrueDate.now() + Number(readFileSync(order, "utf8"));
  } catch {
    return TrueDate.now();
  }
}

globalThis.Date = class Date extends TrueDate {
  constructor(...args) {
    super(...(args.length === 0 ? [now()] : args));
  }

  static now() {
    return now();
  }
};
