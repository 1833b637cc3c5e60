import { EXITS, GLOBAL_OPTIONS, PROGRAM, ROOT } from "./commands.ts";
import {
  type Command,
  dashed,
  type Exits,
  type Family,
  isFamily,
  type Option,
  type Options,
  usageOf,
} from "./definition.ts";
import { bold, italic, literal, prose } from "./roff.ts";

const CACHE = ".aibrain/global-state-cache.md";

const DESCRIPTION = [
  `${PROGRAM} watches the STATE.md of every registered repo, and pushes each one's state as a section into the cache of its peers, \`${CACHE}\`. It never touches a STATE.md, and keeps what stands around its sections.`,
  "Commands hand their work to the running daemon, and do it themselves where none runs. Data goes to standard output, complaints and questions to standard error; colours to a terminal only, and not where NO_COLOR is set.",
];

const FILES: readonly (readonly [string, string])[] = [
  ["~/.config/state-syncd/config.yaml", "The config. `state-syncd config schema` describes it."],
  ["~/.local/state/state-syncd/state-syncd.log", "The daemon's log, beside older ones."],
  ["~/.local/state/state-syncd/paused.json", "Which repos are paused, and until when."],
  ["~/.local/state/state-syncd/copies/", "Copies of caches, made before text in them was replaced."],
  [
    "$XDG_RUNTIME_DIR/state-syncd/control.sock",
    "The daemon's socket, which speaks HTTP. In `run/` of the state directory where that variable is unset.",
  ],
  [CACHE, "In each repo: the state of its peers."],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["STATE_SYNCD_CONFIG", "The config file, where no --config names one."],
  ["XDG_CONFIG_HOME", "Instead of ~/.config."],
  ["XDG_STATE_HOME", "Instead of ~/.local/state."],
  ["XDG_RUNTIME_DIR", "Where the daemon's socket is."],
  ["NO_COLOR", "No colours, if it is not empty."],
  ["SHELL", "Which completion script `completion` prints."],
];

const SEE_ALSO = ["git(1)", "launchctl(1)", "systemctl(1)"];

/** The manual page, as roff for `man`. */
export function manual(version: string): string {
  return [
    `.TH ${literal(PROGRAM.toUpperCase())} 1 "" ${literal(`${PROGRAM} ${version}`)} "User Commands"`,
    // Neither hyphens of ours nor blanks that stretch.
    ".nh",
    ".ad l",
    ".SH NAME",
    `${prose(PROGRAM)} \\- ${prose(lowerFirst(ROOT.describe.replace(/\.$/, "")))}`,
    ".SH SYNOPSIS",
    `${bold(PROGRAM)} ${italic("command")} [${italic("option")}...]`,
    ".SH DESCRIPTION",
    ...paragraphs(DESCRIPTION),
    ".SH OPTIONS",
    "Every command takes these:",
    ...optionList(GLOBAL_OPTIONS),
    ...item(`${bold("--help")}, ${bold("-h")}`, "How it is used."),
    ...item(bold("--version"), "The version."),
    ".SH COMMANDS",
    ...commands(ROOT, []),
    ".SH EXIT STATUS",
    ...exitList(EXITS),
    "Commands whose codes say more tell so above.",
    ".SH FILES",
    ...FILES.flatMap(([path, what]) => item(italic(path), what)),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, what]) => item(bold(name), what)),
    ".SH SEE ALSO",
    SEE_ALSO.map((page) => prose(page)).join(", "),
    "",
  ].join("\n");
}

function commands(family: Family, before: readonly string[]): string[] {
  return Object.entries(family.commands).flatMap(([name, node]) => {
    const names = [...before, name];
    if (!isFamily(node)) return ofCommand(names.join(" "), node);
    const about = paragraphs([sentence(node.describe), ...(node.details ?? [])]);
    return [`.SS ${literal(names.join(" "))}`, ...about, ...commands(node, names)];
  });
}

function ofCommand(name: string, node: Command): string[] {
  const { describe, details = [], positionals, options, examples } = node;
  const exits = node.onlyExits ?? node.exits;
  const examplesOf = examples.flatMap(({ line, tells }) => item(bold(`${PROGRAM} ${line}`), sentence(tells)));
  return [
    `.SS ${literal(usageOf(name, positionals))}`,
    ...paragraphs([sentence(describe), ...details]),
    ...Object.entries(positionals).flatMap(([key, { describe }]) => item(italic(key), sentence(describe))),
    ...optionList(options),
    ".PP",
    examples.length === 1 ? "Example:" : "Examples:",
    ".RS",
    ...examplesOf,
    ".RE",
    ...(exits === undefined ? [] : [".PP", "Exit status:", ".RS", ...exitList(exits), ".RE"]),
  ];
}

function optionList(options: Options): string[] {
  return Object.entries(options).flatMap(([key, option]) =>
    item(optionHead(dashed(key), option), optionText(option)),
  );
}

function optionHead(name: string, option: Option): string {
  const value = "value" in option ? ` ${italic(option.value)}` : "";
  const negated = option.type === "toggle" ? `, ${bold(`--no-${name}`)}` : "";
  const short = option.short === undefined ? "" : `, ${bold(`-${option.short}`)}${value}`;
  return `${bold(`--${name}`)}${value}${negated}${short}`;
}

function optionText(option: Option): string {
  const text = sentence(option.describe);
  if (option.type !== "text" || option.choices === undefined) return text;
  const usual = option.default === undefined ? "" : `; ${option.default} if not given`;
  return `${text} One of ${option.choices.join(", ")}${usual}.`;
}

function exitList(exits: Exits): string[] {
  return Object.entries(exits).flatMap(([code, says]) => item(code, sentence(says)));
}

/** A term, written as roff, and what it means. */
function item(term: string, text: string): string[] {
  return [".TP", term, prose(text)];
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text) => [".PP", prose(text)]);
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(begun) ? begun : `${begun}.`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
