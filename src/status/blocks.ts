/** What is shown, in blocks that know what of them may be left out where a terminal is too low. */

export interface Item {
  readonly lines: readonly string[];
  /** Of items that have to go, these go last. */
  readonly matters?: boolean;
}

export interface Block {
  readonly head?: string;
  readonly items: readonly Item[];
  /** What the items are, where some are left out: `... 3 more repos`. */
  readonly noun?: string;
  /** So many stay whatever happens. Without it a block goes as a whole. */
  readonly least?: number;
}

/** All of it. */
export function linesOf(blocks: readonly Block[]): string[] {
  return blocks
    .filter(({ items }) => items.length > 0)
    .flatMap((block, at) => [...(at === 0 ? [] : [""]), ...blockLines(block)]);
}

function blockLines({ head, items }: Block): string[] {
  return [...(head === undefined ? [] : [head]), ...items.flatMap(({ lines }) => lines)];
}

/** As much of it as so many rows hold, the first blocks first; what is missing is counted. */
export function fitted(blocks: readonly Block[], rows: number): string[] {
  let kept = blocks.filter(({ items }) => items.length > 0);
  while (linesOf(kept).length > rows) {
    const last = kept.findLastIndex(({ least }) => least === undefined);
    if (last === -1) break;
    kept = kept.filter((_, at) => at !== last);
  }
  for (let at = kept.length - 1; at >= 0; at -= 1) {
    const excess = linesOf(kept).length - rows;
    if (excess > 0) kept = kept.map((block, index) => (index === at ? shortened(block, excess) : block));
  }
  return linesOf(kept).slice(0, Math.max(0, rows));
}

/** Without as many items as make it shorter by so many lines, and a line that counts them. */
function shortened(block: Block, excess: number): Block {
  const { items, least = 0, noun = "line" } = block;
  const gone = new Set<Item>();
  let saved = -1;
  const candidates = [...items].reverse().toSorted((a, b) => Number(a.matters) - Number(b.matters));
  for (const item of candidates) {
    if (saved >= excess || items.length - gone.size <= least) break;
    gone.add(item);
    saved += item.lines.length;
  }
  if (gone.size === 0) return block;
  const more = `... ${gone.size} more ${noun}${gone.size === 1 ? "" : "s"}`;
  return { ...block, items: [...items.filter((item) => !gone.has(item)), { lines: [more], matters: true }] };
}
