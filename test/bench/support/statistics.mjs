/** The value below which this part of a list lies. */
export function quantile(list, part) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

export function median(list) {
  return quantile(list, 0.5);
}
