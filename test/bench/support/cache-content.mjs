const BEGIN = '<!-- state-syncd:begin repo="';
const END = '<!-- state-syncd:end repo="';

/** Whether a cache holds each of these states, byte for byte, in the one section of its repo. */
export function holdsAll(cache, peers, states) {
  const found = new Set();
  for (let at = cache.indexOf(BEGIN); at >= 0;) {
    const from = at + BEGIN.length;
    const name = cache.toString("utf8", from, cache.indexOf('"', from));
    const end = cache.indexOf(`${END}${name}"`, from);
    const state = states.get(name);
    if (end < 0 || state === undefined || found.has(name)) return false;
    const start = cache.indexOf(state.subarray(0, state.indexOf("\n") + 1), from);
    if (start < 0 || start + state.length > end) return false;
    if (!cache.subarray(start, start + state.length).equals(state)) return false;
    found.add(name);
    at = cache.indexOf(BEGIN, end);
  }
  return found.size === peers.length && peers.every((peer) => found.has(peer.name));
}

/** A cache as the floor keeps it: the same sections, without heads and digests. */
export function plainCache(peers, states) {
  const parts = [Buffer.from("# Global State Cache\n\n")];
  for (const { name } of peers) {
    parts.push(
      Buffer.from(`${BEGIN}${name}" -->\n`),
      states.get(name),
      Buffer.from(`${END}${name}" -->\n\n`),
    );
  }
  return Buffer.concat(parts);
}
