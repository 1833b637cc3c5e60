/** The value below which this part of a list lies. */
export function quantile(list, part) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

export function median(list) {
  return quantile(list, 0.5);
}

/** Of each of these figures the median over the rounds that came to their end. */
export function mediansOf(rounds, keys) {
  const complete = rounds.filter((round) => round.complete);
  return Object.fromEntries(keys.map((key) => [key, median(complete.map((round) => round[key]))]));
}
