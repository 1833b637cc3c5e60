import type { Ran } from "../support/workspace.ts";
import type { Beliefs } from "./beliefs.ts";
import { hasCache, mayHold, registered } from "./cast.ts";
import type { Scene } from "./scene.ts";
import { type Command, commandLine } from "./steps.ts";

/** The exit codes that a command may have that other things happen beside: 3 where it found no daemon. */
const ANY: ReadonlySet<number> = new Set([0, 1, 2]);
const ANY_STATUS: ReadonlySet<number> = new Set([0, 1, 2, 3]);

/**
 * The exit codes that a command may end with that runs now and alone.
 *
 * @param justStarted the daemon may not be up yet.
 */
export function expectedCodes(
  scene: Scene,
  beliefs: Beliefs,
  command: Command,
  justStarted: boolean,
): ReadonlySet<number> {
  const isDown = scene.daemon === "down";
  if (isDown && !scene.configIsValid) return new Set([2]);
  if (command.kind === "status") return new Set(isDown ? [3] : justStarted ? [0, 1, 3] : [0, 1]);
  // Which config the daemon goes by is open for a moment.
  if (scene.configs.length > 1) return ANY;
  if ("repo" in command && registered(scene.config, command.repo)?.role !== "execution") return new Set([2]);
  switch (command.kind) {
    case "explain":
      return new Set(isDown ? [1] : [0, 1]);
    case "pull":
      return pullCodes(scene, beliefs, command.repo);
    case "sync around":
      // Where its directory is away it is run somewhere else, which is around no repo.
      return scene.place(command.repo) === undefined ? new Set([2]) : syncCodes(scene, command.repo);
    case "sync":
      return syncCodes(scene, command.repo);
    case "sync all":
      return syncAllCodes(scene, isDown);
  }
}

function targetsOf(scene: Scene, from: string): string[] {
  return scene.config.order.filter((to) => mayHold(scene.config, to, from));
}

function syncCodes(scene: Scene, from: string): ReadonlySet<number> {
  const targets = targetsOf(scene, from);
  if (targets.length === 0) return new Set([0]);
  const verdict = scene.verdict(from);
  const isGood = (verdict === "good" || verdict === "empty") && !scene.isPaused(from);
  return new Set([isGood && targets.every((to) => scene.isWritable(to)) ? 0 : 1]);
}

function syncAllCodes(scene: Scene, isDown: boolean): ReadonlySet<number> {
  const codes = scene.config.order
    .filter((name) => registered(scene.config, name)?.role === "execution")
    .map((name) => {
      // An empty state may be what a person has asked a running daemon for before.
      if (scene.verdict(name) === "empty" && targetsOf(scene, name).length > 0) return isDown ? [1] : [0, 1];
      return [...syncCodes(scene, name)];
    });
  if (codes.some((each) => each.join() === "1")) return new Set([1]);
  return new Set(codes.some((each) => each.includes(1)) ? [0, 1] : [0]);
}

/** Whether a peer without a state has a section is not for the model to say. */
function pullCodes(scene: Scene, beliefs: Beliefs, to: string): ReadonlySet<number> {
  const peers = scene.config.order.filter((from) => mayHold(scene.config, to, from));
  if (peers.length === 0 && !hasCache(scene.config, to)) return new Set([0]);
  if (peers.length > 0 && !scene.isWritable(to)) return new Set([1]);
  const isSure = peers.every((from) => scene.verdict(from) === "good" && !scene.isPaused(from));
  return new Set(isSure && !beliefs.isOpen ? [0] : [0, 1]);
}

/** What is wrong with how a command went. */
export function complaintsAboutRun(
  command: Command,
  ran: Ran,
  codes: ReadonlySet<number> = command.kind === "status" ? ANY_STATUS : ANY,
): string[] {
  const line = `state-syncd ${commandLine(command).join(" ")}`;
  const complaints: string[] = [];
  if (ran.code === null || !codes.has(ran.code)) {
    complaints.push(`${line} ends with ${ran.code}, wanted ${[...codes].join(" or ")}: ${ran.stderr}`);
  }
  if (/^ {4}at .+:\d+:\d+/m.test(ran.stderr)) complaints.push(`${line} prints a stack trace: ${ran.stderr}`);
  return complaints;
}
