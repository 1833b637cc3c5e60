/**
 * The known word that somebody probably meant, or undefined where none is near: the same letters
 * in another spelling (`max_wait`), or at most two slips (one in short words).
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const bare = letters(word);
  const ranked = known
    .map((candidate) => ({ candidate, distance: slips(bare, letters(candidate)) }))
    .toSorted((one, other) => one.distance - other.distance);
  const best = ranked[0];
  const allowed = bare.length < 5 ? 1 : 2;
  return best !== undefined && best.distance <= allowed ? best.candidate : undefined;
}

function letters(word: string): string {
  // Longer words than this are near to nothing, and the distance is quadratic.
  return word.slice(0, 80).toLowerCase().replace(/[-_ ]/g, "");
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function slips(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      const swapped =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] ?? 0;
}
