import { argv, main, standardOutput } from "./main.ts";

// The parser prints by itself.
standardOutput();
await main(async (act) => {
  const { perform } = await import("./cli/parse.ts");
  return await perform(argv, act);
});
