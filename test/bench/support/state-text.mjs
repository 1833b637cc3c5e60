/** The size of the state files in every part, in bytes: what one grows to when nobody prunes it. */
export const STATE_SIZE = 37 * 1024;

const PART = `## Session 12: token budget and API keys (2026-11-22)

- ✅ **Phase 2**: \`src/auth/session.ts\` and \`tests/auth/session.test.ts\` (27/27), see ADR-012 → main @ 1a2b3c4
- [ ] Rotate the deploy keys; password reset is blocked on #123, the token: string type stays

| File | State | Notes |
|---|---|---|
| \`apps/backend/config/settings.yaml\` | done | secrets come from the vault, port 5432 |

\`\`\`sh
npm run migrate && npm run seed -- --only=fixtures
\`\`\`

`;

/** A state file as agents write them, of exactly {@link STATE_SIZE} bytes. No two saves are alike, and no two repos. */
export function stateText(repo, save) {
  const parts = [`# ${repo}, save ${save}\n\n`];
  let length = Buffer.byteLength(parts[0]);
  for (let number = 0; length < STATE_SIZE; number += 1) {
    const part = PART.replace("12", `${number} of ${repo}`).replace("27/27", `${number}/${save}`);
    parts.push(part);
    length += Buffer.byteLength(part);
  }
  // A cut may go through a character of several bytes: then spaces stand in its place.
  const bytes = Buffer.from(parts.join("")).subarray(0, STATE_SIZE - 1);
  const text = bytes.toString("utf8").replace(/\uFFFD+$/, "");
  return Buffer.from(`${text}${" ".repeat(STATE_SIZE - 1 - Buffer.byteLength(text))}\n`);
}
