import { FaultError } from "../errors.ts";
import { createListing } from "../log/format.ts";
import { type CommandContext, complain } from "./context.ts";
import { placesOf, readPlaces } from "./log-places.ts";

const MOST_LINES = 10;

/** Shows what the log, and the service manager, have said since then: that is why it does not run. */
export async function tellWhyNotRunning(since: Date, context: CommandContext): Promise<void> {
  try {
    const { lines } = await readPlaces(await placesOf(context.paths), { since }, MOST_LINES);
    const show = createListing({ colour: false, now: new Date() });
    for (const line of lines) complain(context, `  ${show(line)}`);
  } catch (error) {
    // What it is an answer to is told all the same.
    if (!(error instanceof FaultError)) throw error;
  }
}
