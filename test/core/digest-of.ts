import { type Digest, gistOf } from "../../src/core/digest/digest.ts";

/** A digest of one state, as it stands among its peers'. */
export function digest(
  text: string,
  { budget, peers = [] }: { readonly budget: number; readonly peers?: readonly string[] },
): Digest {
  return gistOf(text, peers).within(budget);
}
