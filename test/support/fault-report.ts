import { appendFileSync } from "node:fs";

/** What one fault looked like from outside. */
export interface FaultRecord {
  readonly fault: string;
  /** What `status` said meanwhile: codes with their messages. */
  readonly said: readonly string[];
  /** Exit code of `status` meanwhile. */
  readonly exitCode: number | null;
  /** From the moment that the cause was gone until all was well, in milliseconds. */
  readonly healedInMs: number;
}

/** Notes it in the file that `FAULT_REPORT` names, one JSON object a line; nowhere without that variable. */
export function reportFault(record: FaultRecord): void {
  const file = process.env["FAULT_REPORT"];
  if (file !== undefined && file !== "") appendFileSync(file, `${JSON.stringify(record)}\n`);
}
