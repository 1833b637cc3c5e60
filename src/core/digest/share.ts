/**
 * Divides a budget so that nobody gets more than it needs, and what one does not need goes to the
 * others in equal parts.
 *
 * @returns a share for each need, whole numbers whose sum is at most the budget.
 */
export function shares(needs: readonly number[], budget: number): number[] {
  const given = needs.map(() => 0);
  const order = needs
    .map((need, at) => ({ need, at }))
    .toSorted((one, other) => one.need - other.need || one.at - other.at);
  let left = Math.max(0, Math.floor(budget));
  for (const [place, { need, at }] of order.entries()) {
    const share = Math.min(need, Math.floor(left / (order.length - place)));
    given[at] = share;
    left -= share;
  }
  return given;
}
