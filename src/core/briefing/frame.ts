import { fenceForText } from "../cache/fence.ts";

/** What a reader may take for a tag: `<system-reminder>`, `</tool>`, `<!--`. */
const TAG = /<(?=[/!?]?[A-Za-z]|!--)/g;

/**
 * A peer's text between two lines that no text can imitate: the fence is longer than any run of its
 * characters inside. In a fence no `@path` is imported, and what looks like a tag has lost its
 * bracket: what is told of a repo acts on nobody.
 *
 * @param about what stands behind the opening fence, a word or two.
 */
export function framed(text: string, about: string): string {
  const inert = withoutTags(text);
  const fence = fenceForText(inert);
  return `${fence}${about}\n${inert}\n${fence}`;
}

/** The same text, as long as before, in which nothing is a tag any more. */
export function withoutTags(text: string): string {
  return text.replaceAll(TAG, "‹");
}
