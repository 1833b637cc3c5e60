/** One part of a name. Lower case alone, so that no two names can have the same upper-case heading in a cache. */
const PART = "[a-z0-9][a-z0-9._-]*";
const MOST_CHARACTERS = 64;
/** A branch keeps at least so many characters of a name that is too long. */
const LEAST_OF_BRANCH = 16;

/** A repo's name as the source of a pattern: one part, or `name@branch`. However long: of caches nobody knows who wrote them. */
export const NAME = `${PART}(?:@${PART})?`;

export const NAME_PATTERN = new RegExp(`^(?=.{1,${MOST_CHARACTERS}}$)${NAME}$`);
export const GROUP_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** A valid name made from any text, one `@` in it kept; `repo` where nothing of the text can be kept. */
export function nameFrom(text: string): string {
  const at = text.indexOf("@");
  const [main, branch] = at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  const name = partFrom(main);
  const second = partFrom(branch);
  if (name === "") return second === "" ? "repo" : shortened(second, MOST_CHARACTERS);
  return second === "" ? shortened(name, MOST_CHARACTERS) : joined(name, second);
}

/** The name of a working tree beside the one of that name; undefined where nothing of the branch's name can be kept. */
export function nameOfBranch(repo: string, branch: string): string | undefined {
  const second = partFrom(branch);
  // A worktree's worktree is one of the same repo.
  return second === "" ? undefined : joined(repo.split("@")[0] ?? repo, second);
}

/** A name that is not taken: the same, or numbered. */
export function untaken(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number += 1) {
    const ending = `-${number}`;
    const numbered = `${shortened(name, MOST_CHARACTERS - ending.length)}${ending}`;
    if (!taken.has(numbered)) return numbered;
  }
}

function joined(name: string, branch: string): string {
  const rest = Math.min(branch.length, LEAST_OF_BRANCH);
  const first = shortened(name, MOST_CHARACTERS - 1 - rest);
  return `${first}@${shortened(branch, MOST_CHARACTERS - 1 - first.length)}`;
}

function shortened(part: string, most: number): string {
  return part.slice(0, most).replace(/[._@-]+$/, "");
}

function partFrom(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .replace(/[._-]+$/, "")
    .replace(/^state-syncd\./, "state-syncd-");
}
