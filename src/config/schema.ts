import ms from "ms";
import { z } from "zod";
import { GROUP_PATTERN, NAME_PATTERN } from "../core/name.ts";
import { DEFAULT_GROUP, DEFAULT_STATE_FILE } from "../core/registry.ts";

const NAME = "lower-case letters, digits, `.`, `_` and `-`, at most 64, the first a letter or a digit";
const DURATION_PATTERN = /^\d+(\.\d+)? ?(ms|s|m|h)$/;

/** Tells a value in bounds of a state file that people still read from one that was mistyped. */
const LEAST_BYTES = 1024;
const MOST_BYTES = 16 * 1024 * 1024;

/*
 * The `error` of every part says what would be right, as the end of a sentence that begins with
 * "found 42, expected ...".
 */

function duration(example: string, least: string, most: string, description: string) {
  const error = `a duration with its unit from ${least} to ${most}, like ${example}`;
  return z
    .string({ error })
    .regex(DURATION_PATTERN, { error })
    .transform(toMilliseconds)
    .refine((value) => value >= toMilliseconds(least) && value <= toMilliseconds(most), { error })
    .prefault(example)
    .meta({ description: `${description} From ${least} to ${most}.`, examples: [example] });
}

/** @param text matches {@link DURATION_PATTERN}. */
function toMilliseconds(text: string): number {
  // Callers have matched the pattern, which is narrower than what `ms` takes.
  return ms(text as ms.StringValue);
}

function yesOrNo(description: string) {
  return z.boolean({ error: "true or false" }).default(true).meta({ description });
}

const PATH = "a path like ~/repos/karematch";
const STATE_FILE = `a path inside the repo, like ${DEFAULT_STATE_FILE}`;
const GROUPS = `a list of at least one name, like [${DEFAULT_GROUP}]`;

/** One entry of `repos`. */
export const repoSchema = z
  .strictObject(
    {
      path: z
        .string({ error: PATH })
        .min(1, { error: PATH })
        .meta({
          description:
            "The repo's directory. `~`, `${VAR}` and paths relative to the directory of this file work.",
          examples: ["~/repos/karematch"],
        }),
      role: z
        .enum(["execution", "passive"], { error: "execution or passive" })
        .default("execution")
        .meta({ description: "A passive repo is known by name only: never read, never written." }),
      stateFile: z
        .string({ error: STATE_FILE })
        .min(1, { error: STATE_FILE })
        .default(DEFAULT_STATE_FILE)
        .meta({ description: "The state file, relative to the repo.", examples: ["docs/STATE.md"] }),
      groups: z
        .array(z.string({ error: NAME }).regex(GROUP_PATTERN, { error: NAME }), { error: GROUPS })
        .min(1, { error: GROUPS })
        .default([DEFAULT_GROUP])
        .meta({ description: "Repos share only inside a group that they have in common." }),
      publish: yesOrNo("Whether the peers receive this repo's state."),
      subscribe: yesOrNo("Whether this repo's cache is written."),
      onSecret: z.enum(["redact", "block"], { error: "redact or block" }).default("redact").meta({
        description:
          "What happens to a state file in which a secret was found: each is replaced by `[REDACTED:<rule>]`, or the peers keep the last good state until it is gone.",
      }),
      fence: z.boolean({ error: "true or false" }).default(false).meta({
        description:
          "Whether the peers' texts stand in code fences in this repo's cache, so that nothing in them acts where the cache is imported, by a CLAUDE.md for instance.",
      }),
    },
    { error: `a map like { path: ~/repos/karematch }` },
  )
  .meta({ description: "One directory that takes part." });

const RULE = "a name of lower-case letters, digits and `-`, at most 40, like record-number";
const PATTERN = "a pattern in quotes, like 'MRN-[0-9]{8}'";

const GUARD_KEYS = {
  patterns: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, { error: RULE }), z.string({ error: PATTERN }), {
      error: "a map of names to patterns, like record-number: 'MRN-[0-9]{8}'",
    })
    .default({})
    .meta({
      description:
        "What else is a secret, by the name that takes its place. Patterns are RE2's: matched in linear time, without look-around and back-references.",
      examples: [{ "record-number": "MRN-[0-9]{8}" }],
    }),
  allow: z
    .array(z.string({ error: PATTERN }), { error: "a list of patterns, like ['AKIA[A-Z]+EXAMPLE']" })
    .default([])
    .meta({
      description: "What is taken for a secret and is none: patterns that match the whole of it.",
      examples: [["AKIA[A-Z]+EXAMPLE"]],
    }),
};

export const guardSchema = z
  .strictObject(GUARD_KEYS, { error: "a map like { patterns: { record-number: 'MRN-[0-9]{8}' } }" })
  .prefault({})
  .meta({ description: "What the guard looks for beside the secrets that it knows." });

export const debounceSchema = z
  .strictObject(
    {
      wait: duration("100ms", "10ms", "60s", "A change goes out this long after the last of its burst."),
      maxWait: duration(
        "1s",
        "10ms",
        "10m",
        "A burst that does not end goes out after this long. At least `wait`.",
      ),
    },
    { error: "a map like { wait: 100ms, maxWait: 1s }" },
  )
  .prefault({})
  .meta({ description: "How bursts of changes are gathered." });

/**
 * The config file: the one definition that validates, fills in the defaults and gives the JSON
 * Schema. What one field cannot tell (two entries for one directory, a variable that is not set)
 * is checked by `interpret`.
 */
export const configSchema = z.strictObject(
  {
    version: z
      .literal(1, { error: "1, the only version there is" })
      .meta({ description: "The version of this format." }),
    repos: z
      .record(z.string().regex(NAME_PATTERN), repoSchema, {
        error: "a map of names to repos, like karematch: { path: ~/repos/karematch }",
      })
      .nullable()
      .default(null)
      .meta({
        description: `The repos by name; their order is the order of the sections in a cache. A name has ${NAME}; that of a worktree may have a branch, like karematch@feature-x.`,
      }),
    guard: guardSchema,
    debounce: debounceSchema,
    rescan: duration("60s", "1s", "1h", "How often everything is compared even if nothing was heard of."),
    maxBytes: z
      .int({ error: `a whole number of bytes from ${LEAST_BYTES} to ${MOST_BYTES}, like 1048576` })
      .min(LEAST_BYTES, { error: `at least ${LEAST_BYTES} bytes` })
      .max(MOST_BYTES, { error: `at most ${MOST_BYTES} bytes (16 MiB)` })
      .default(1024 * 1024)
      .meta({ description: "A larger state file is refused. In bytes." }),
  },
  { error: "a map with `version: 1` and `repos:`" },
);

/** What `expected` says of a bad name, apart from a suggestion. */
export const NAME_EXPECTED = NAME;

/** The keys that may stand at a place of the config; undefined where any name may. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] | undefined {
  if (path.length === 0) return Object.keys(configSchema.shape);
  if (path[0] === "debounce") return ["wait", "maxWait"];
  if (path[0] === "guard" && path.length === 1) return Object.keys(GUARD_KEYS);
  return path[0] === "repos" && path.length === 2 ? Object.keys(repoSchema.shape) : undefined;
}

/** The JSON Schema of the config file, for editors. */
export function jsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: "input" });
  return { $schema, title: "The configuration of state-syncd", ...rest };
}
