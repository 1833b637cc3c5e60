/**
 * FNV-1a, 32 bits, never 0. To tell apart what belongs to one session it is enough, and a digest
 * takes longer to load than a hook may take.
 */
export function shortMark(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash === 0 ? 1 : hash;
}
