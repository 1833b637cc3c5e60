import { complete } from "./cli/complete.ts";
import { argv, main, standardOutput } from "./main.ts";

/** What every Tab asks, in a file of its own. */
void main(async () => await complete(argv.slice(1), process.env, standardOutput()));
