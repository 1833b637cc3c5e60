import type { StatusReport } from "../../src/status/report.ts";
import { type Beliefs, DAMAGED, type Held, heldIn, NONE, occurrences } from "./beliefs.ts";
import { hasCache, mayHold, NAMES, registered } from "./cast.ts";
import { type Reading, titlesIn } from "./reading.ts";
import { type Place, placesOf, type Scene } from "./scene.ts";
import { digestOf, tokensIn } from "./texts.ts";

/** One cache as it was found on disk. */
export interface FoundCache {
  /** Undefined where there is none. */
  readonly bytes: Buffer | undefined;
  readonly reading: Reading;
  readonly mode: number | undefined;
}

/** Everything that a check looks at, apart from `status`. */
export interface Found {
  readonly caches: ReadonlyMap<Place, FoundCache>;
  /** By repo, the text of all copies that were kept of its cache. */
  readonly copies: ReadonlyMap<string, string>;
}

/** What is wrong, in words; empty where everything is as the contract says. */
export function complaintsAbout(scene: Scene, beliefs: Beliefs, found: Found): string[] {
  const complaints: string[] = [];
  for (const { place } of placesOf(scene)) {
    const cache = found.caches.get(place);
    if (cache === undefined) continue;
    const complain = (what: string): void => void complaints.push(`${place.repo} (${place.id}): ${what}`);
    if (isWritten(scene, place)) aboutWritten(scene, beliefs, place, cache, complain);
    else aboutUntouched(beliefs, place, cache, complain);
    aboutNotes(beliefs, place, cache, found.copies.get(place.repo) ?? "", complain);
    const { mode } = beliefs.cache(place);
    if (mode !== undefined && cache.mode !== undefined && cache.mode !== mode) {
      complain(`its cache has the mode ${cache.mode.toString(8)} instead of ${mode.toString(8)}`);
    }
  }
  if (scene.daemon === "up")
    for (const name of scene.config.order) complaints.push(...aboutSource(beliefs, found, name));
  return complaints;
}

/** True where a running daemon keeps this cache. */
function isWritten(scene: Scene, place: Place): boolean {
  return scene.daemon === "up" && scene.place(place.repo) === place && scene.isWritable(place.repo);
}

type Complain = (what: string) => void;

function aboutWritten(
  scene: Scene,
  beliefs: Beliefs,
  place: Place,
  cache: FoundCache,
  complain: Complain,
): void {
  const { reading } = cache;
  const order = scene.config.order.filter((name) => mayHold(scene.config, place.repo, name));
  const names = reading.sections.map(({ repo }) => repo);
  const wanted = order.filter((name) => names.includes(name));
  if (names.join() !== wanted.join())
    complain(`it has sections of ${names.join(", ")}, wanted ${wanted.join(", ")}`);
  for (const name of reading.damaged) {
    if (!order.includes(name)) complain(`it has remains of a section of ${name}, which may not be in it`);
  }
  if (reading.index.join() !== names.join())
    complain(`its index names ${reading.index.join(", ")}, it has ${names.join(", ")}`);
  const fence = registered(scene.config, place.repo)?.fence === true;
  for (const { repo, isFenced } of reading.sections)
    if (isFenced !== fence) complain(`its section of ${repo} is ${isFenced ? "" : "not "}in a fence`);
  const belief = beliefs.cache(place);
  // Where somebody cut through sections, what is theirs and what is not cannot always be told.
  if (belief.disturbed) return;
  const titles = titlesIn(reading);
  if (titles > Math.max(1, belief.titles) || (titles === 0 && names.length > 0))
    complain(`it has ${titles} headers`);
  for (const { token } of tokensIn(reading.outside)) {
    if (!belief.stray.has(token)) complain(`text of ${token} stands outside of the sections`);
  }
}

function aboutUntouched(beliefs: Beliefs, place: Place, cache: FoundCache, complain: Complain): void {
  const { frozen } = beliefs.cache(place);
  if (frozen !== undefined) {
    const same = frozen === "absent" ? cache.bytes === undefined : cache.bytes?.equals(frozen) === true;
    if (!same) complain("its cache changed, which nobody may write");
    return;
  }
  for (const name of NAMES) {
    const held = heldIn(cache.reading, name);
    const allowed = beliefs.holds(place, name);
    if (!allowed.has(held)) complain(`it holds ${short(held)} of ${name}, wanted ${oneOf(allowed)}`);
  }
}

function aboutSource(beliefs: Beliefs, found: Found, name: string): string[] {
  const targets = beliefs.healthyTargets(name).map((place) => {
    const reading = found.caches.get(place)?.reading;
    return { place, held: reading === undefined ? NONE : heldIn(reading, name) };
  });
  const had = (place: Place, held: Held): boolean => beliefs.holds(place, name).has(held);
  const states = [...beliefs.memory(name)];
  if (beliefs.isAdopted(name) && targets.every(({ place, held }) => had(place, held))) return [];
  const fits = states.some((state) =>
    targets.every(({ place, held }) => (beliefs.isUnknown(state) ? had(place, held) : held === state)),
  );
  if (fits) return [];
  const holds = targets.map(({ place, held }) => `${place.repo} holds ${short(held)}`).join(", ");
  const each = targets.map(({ place }) => `${place.repo}: ${oneOf(beliefs.holds(place, name))}`).join("; ");
  return [
    `of ${name}: ${holds}; wanted ${oneOf(states)} in all of them${states.some((s) => beliefs.isUnknown(s)) ? `, where unknown: ${each}` : ""}`,
  ];
}

function aboutNotes(
  beliefs: Beliefs,
  place: Place,
  cache: FoundCache,
  copies: string,
  complain: Complain,
): void {
  const belief = beliefs.cache(place);
  // Behind what stands in the way of the cache nobody looks.
  if (place.fault !== undefined) return;
  for (const [note, { count, settled }] of belief.notes) {
    const here = occurrences(cache.reading.outside, note);
    const isCopied = occurrences(copies, note) > 0;
    if (here > count) complain(`${note} stands ${here} times in its cache, wanted ${count}`);
    if (here > 0) continue;
    // Text that was being written when the file was replaced, or that an accident mixed with ours, is in a copy.
    if ((!settled || belief.disturbed) && isCopied) continue;
    // Nobody can rescue what went into a file without a name, when they are killed themselves.
    if (!settled && beliefs.wasKilled) continue;
    complain(`${note} is lost${isCopied ? " from the cache, and only in a copy" : ""}`);
  }
}

/** What `status --json` and its exit code must say, given what was found on disk. */
export function complaintsAboutStatus(
  scene: Scene,
  found: Found,
  answer: { readonly code: number | null; readonly stdout: string },
): string[] {
  if (scene.daemon === "down" && !scene.configIsValid) {
    return answer.code === 2 ? [] : [`status ends with ${answer.code} for a bad config`];
  }
  const report = JSON.parse(answer.stdout) as StatusReport;
  const { config } = scene;
  const complaints: string[] = [];
  const expected = new Map<string, string>();
  for (const from of config.order) {
    for (const to of config.order) {
      if (mayHold(config, to, from)) expected.set(`${from} -> ${to}`, edgeStatus(scene, found, from, to));
    }
  }
  const actual = new Map(report.edges.map((edge) => [`${edge.from} -> ${edge.to}`, edge.status as string]));
  for (const edge of new Set([...expected.keys(), ...actual.keys()])) {
    const [wanted, said] = [expected.get(edge), actual.get(edge)];
    if (wanted !== said)
      complaints.push(`status says ${edge} is ${said ?? "no edge"}, it is ${wanted ?? "none"}`);
  }
  const isDown = scene.daemon === "down";
  const isHealthy =
    [...expected.values()].every((status) => status === "fresh") &&
    scene.configIsValid &&
    config.order.every((name) => !hasTrouble(scene, expected, name));
  // Somebody who rewrites a cache again and again is told of for a minute, and a busy machine while it is.
  const isContested =
    report.problems.length > 0 &&
    report.problems.every(({ code }) => code === "CACHE_CONTESTED" || code === "DAEMON_SLOW");
  const [code, status] = isDown ? [3, "down"] : isHealthy && !isContested ? [0, "healthy"] : [1, "degraded"];
  if (answer.code !== code || report.status !== status) {
    const problems = report.problems.map((problem) => problem.code).join(", ");
    complaints.push(
      `status is ${report.status} with exit code ${answer.code}, wanted ${status} with ${code} (${problems})`,
    );
  }
  for (const { name, paused } of report.repos) {
    if (paused !== scene.isPaused(name))
      complaints.push(`status says that ${name} is ${paused ? "" : "not "}paused`);
  }
  return complaints;
}

function hasTrouble(scene: Scene, edges: ReadonlyMap<string, string>, name: string): boolean {
  if (registered(scene.config, name)?.role === "passive") return false;
  if (scene.place(name)?.fault !== undefined && hasCache(scene.config, name)) return true;
  const trouble = sourceTrouble(scene, name);
  // An empty file whose emptiness the peers hold already is what somebody asked for.
  const isMeant = scene.verdict(name) === "empty" && !scene.isPaused(name);
  const isSettled = [...edges].every(
    ([edge, status]) => !edge.startsWith(`${name} -> `) || status === "fresh",
  );
  return trouble !== undefined && !(isMeant && isSettled);
}

function sourceTrouble(scene: Scene, name: string): "held" | "blocked" | "failed" | undefined {
  const file = scene.stateFile(name);
  if (file === undefined) return "failed";
  if (file.kind === "nothing") return "held";
  if (file.kind !== "text" || scene.verdict(name) === "refused") return "blocked";
  return scene.isPaused(name) || scene.verdict(name) !== "good" ? "held" : undefined;
}

function edgeStatus(scene: Scene, found: Found, from: string, to: string): string {
  const place = scene.place(to);
  const reading =
    place === undefined || place.fault !== undefined ? undefined : found.caches.get(place)?.reading;
  const held = reading === undefined ? NONE : heldIn(reading, from);
  const file = scene.stateFile(from);
  const readable =
    file?.kind === "text" && scene.verdict(from) !== "refused" ? digestOf(file.bytes) : undefined;
  if (held === readable) return "fresh";
  if (reading === undefined) return "failed";
  const trouble = sourceTrouble(scene, from) ?? (scene.isPaused(to) ? "held" : undefined);
  if (trouble !== undefined) return trouble;
  if (held === NONE) return "missing";
  return held === DAMAGED ? "damaged" : "stale";
}

function short(held: string): string {
  return /^[0-9a-f]{64}$/.test(held) ? held.slice(0, 8) : held;
}

function oneOf(states: Iterable<string>): string {
  return [...states].map(short).join(" or ");
}
