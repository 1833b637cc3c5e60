import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ask } from "../../src/control/client.ts";
import { CACHE_DIRECTORY } from "../../src/core/registry.ts";
import { systemCode } from "../../src/errors.ts";
import { eventually } from "../support/eventually.ts";
import { type Daemon, type Ran, Workspace } from "../support/workspace.ts";
import { type Config, hasCache, NAMES, STATE_FILES } from "./cast.ts";
import { breakCache, cacheIn, mendCache, putObstacle, save } from "./files.ts";
import { type Edited, editByHand } from "./hand.ts";
import { readCache } from "./reading.ts";
import { type FoundCache } from "./expectations.ts";
import { ALL, type Place, placesOf, type Position, type Scene } from "./scene.ts";
import { type Command, commandLine, type Step } from "./steps.ts";
import { bytesOf } from "./texts.ts";
import { complaintsAboutTree, stampOf } from "./tree.ts";

/** The real thing: directories, a config, the bundled program as real processes. */
export class World {
  readonly #workspace: Workspace;
  readonly #scene: Scene;
  readonly #stamps = new Map<string, string>();
  /** Where a killed program may have left a temporary, and of those the places that a start has cleared since. */
  readonly #litter = new Set<Place>();
  readonly #swept = new Set<Place>();
  #mayHaveOwnLitter = false;
  readonly #directories = new Set<Place>();
  readonly #olds = new Map<Place, Buffer>();
  readonly commands: { readonly command: Command; readonly ran: Promise<Ran> }[] = [];
  #daemon: Daemon | undefined;
  #isReady = false;

  private constructor(workspace: Workspace, scene: Scene) {
    this.#workspace = workspace;
    this.#scene = scene;
  }

  /** Makes everything as the scene has it, with a daemon. */
  static async create(scene: Scene): Promise<World> {
    const workspace = await Workspace.create({ repos: {} });
    const world = new World(workspace, scene);
    await mkdir(join(workspace.root, "outside"));
    await mkdir(join(workspace.root, "aside"));
    for (const { place } of placesOf(scene)) {
      const directory = world.directory(place);
      await mkdir(join(directory, "docs"), { recursive: true });
      await writeFile(join(directory, "README.md"), `${place.repo}\n`);
      await writeFile(world.#outside(place.repo), "[outside#1] of every repo\n");
      for (const name of STATE_FILES) {
        const file = place.file(name);
        if (file.kind !== "text") continue;
        await writeFile(join(directory, name), file.bytes);
        await world.#stamp(place, name);
      }
    }
    await world.#writeConfig(scene.config, "by rename");
    world.#start();
    return world;
  }

  /** Where a directory of a repo is now. */
  directory(place: Place): string {
    const places = this.#scene.positions.get(place.repo) ?? new Map<Position, Place>();
    const [position] = [...places].find(([, candidate]) => candidate === place) ?? ["home"];
    return this.#pathOf(place.repo, position);
  }

  get paths(): Workspace["paths"] {
    return this.#workspace.paths;
  }

  get hasEnded(): string | undefined {
    return this.#daemon?.ended === true ? `with ${this.#daemon.code}: ${this.#daemon.stderr}` : undefined;
  }

  /** Takes a step. The scene is still as it was before. @returns what was made of a cache, if the step edits one. */
  async take(
    step: Step,
  ): Promise<{ readonly complaints: readonly string[]; readonly edited?: Edited; readonly ran?: Ran }> {
    const scene = this.#scene;
    switch (step.do) {
      case "save":
      case "replace":
      case "hide":
      case "unhide":
        await this.#changeStateFile(step);
        return { complaints: [] };
      case "move":
        await this.#move(step.repo, step.how);
        return { complaints: [] };
      case "edit":
        return await this.#edit(step.repo, step.edit);
      case "remove .aibrain":
      case "break cache":
      case "mend cache":
        await this.#changeCachePlace(step);
        return { complaints: [] };
      case "pause":
      case "resume":
        return { complaints: await this.#pause(step.do, step.repo) };
      case "command": {
        const ran = this.#run(step.command);
        if (step.wait) return { complaints: [], ran: await ran };
        this.commands.push({ command: step.command, ran });
        return { complaints: [] };
      }
      case "bad config":
        // Which of two configs is the last good one must not depend on luck.
        if (scene.daemon === "up") await this.#reload();
        await writeFile(this.paths.config, '{ "version": 1, "repos": { "ash": { "pth": 1 } } }\n');
        return { complaints: [] };
      case "start":
        this.#start();
        return { complaints: scene.configIsValid ? [] : await this.#refusal() };
      case "second daemon":
        return { complaints: await this.#second() };
      case "kill":
        await this.#daemon?.kill();
        this.#mayHaveOwnLitter = true;
        this.#swept.clear();
        for (const { place } of placesOf(scene)) this.#litter.add(place);
        return { complaints: [] };
      case "terminate":
        return { complaints: await this.#terminate() };
      case "freeze":
        await this.#daemon?.freeze();
        return { complaints: [] };
      case "thaw":
      case "check":
        this.#daemon?.send("SIGCONT");
        return { complaints: [] };
      case "rest":
        await delay(step.ms);
        return { complaints: [] };
      case "config":
        return { complaints: [] };
    }
  }

  /** Puts a config in place, and tells the daemon of it if it is to be told. */
  async configure(config: Config, how: "in place" | "by rename", hup: boolean): Promise<void> {
    await this.#writeConfig(config, how);
    if (hup && this.#scene.daemon !== "down" && this.#isReady) this.#daemon?.send("SIGHUP");
  }

  /** Waits until the daemon is up. @throws Error where it has ended instead. */
  async ready(): Promise<void> {
    const pid = this.#daemon?.pid;
    if (this.#isReady) return;
    await eventually("the daemon to be ready", async () => {
      if (this.hasEnded !== undefined) return true;
      const log = await this.log();
      const since = log.lastIndexOf(`"pid":${pid},`);
      return since !== -1 && log.includes('"event":"daemon.ready"', since);
    });
    if (this.hasEnded !== undefined) throw new Error(`the daemon ended ${this.hasEnded}`);
    this.#isReady = true;
  }

  /** True where the daemon took so many edits of some cache for a fight over it, and heals it later and later. */
  async sawContest(): Promise<boolean> {
    const log = await this.log();
    return log.includes('"event":"cache.contested"', log.lastIndexOf('"event":"daemon.started"'));
  }

  async log(): Promise<string> {
    return (await readIfThere(this.paths.logFile))?.toString("utf8") ?? "";
  }

  async status(): Promise<Ran> {
    return await this.#workspace.run(["status", "--json"]);
  }

  async cache(place: Place): Promise<FoundCache> {
    const file = cacheIn(this.directory(place), place.fault);
    const bytes = await readIfThere(file);
    const mode = bytes === undefined ? undefined : (await stat(file)).mode & 0o777;
    return { bytes, reading: readCache(bytes ?? Buffer.alloc(0)), mode };
  }

  /** The text of every copy that was kept of a repo's cache. */
  async copies(repo: string): Promise<string> {
    const directory = join(this.paths.copiesDirectory, repo);
    const names = await readdir(directory).catch(() => []);
    const texts = names.map(
      async (name) => (await readIfThere(join(directory, name)))?.toString("latin1") ?? "",
    );
    return (await Promise.all(texts)).join("\n");
  }

  /** What was made, changed or left anywhere that should not have been. */
  async complaintsAboutFiles(): Promise<string[]> {
    const complaints: string[] = [];
    for (const { place } of placesOf(this.#scene)) {
      const directory = this.directory(place);
      const traces = {
        stamps: this.#stamps,
        mayHaveLitter: this.#litter.has(place) && !this.#swept.has(place),
        mayHaveDirectory: this.#directories.has(place),
      };
      complaints.push(...(await complaintsAboutTree(place, directory, traces)));
    }
    for (const name of NAMES) {
      const outside = await readFile(this.#outside(name), "utf8");
      if (outside !== "[outside#1] of every repo\n")
        complaints.push(`the file outside of ${name} was changed`);
    }
    // A daemon that was killed early has not made any.
    const own = join(this.#workspace.root, "state");
    await mkdir(own, { recursive: true });
    const state = await readdir(own, { recursive: true });
    const litter = state.filter((path) => path.endsWith(".state-syncd-tmp"));
    if (litter.length > 0 && !this.#mayHaveOwnLitter)
      complaints.push(`left in the state directory: ${litter.join(", ")}`);
    if ((await this.log()).includes('"event":"internal.error"'))
      complaints.push("the log tells of an internal error");
    return complaints;
  }

  /** Keeps the caches as a check has found them, to be checked out again later. */
  remember(caches: ReadonlyMap<Place, FoundCache>): void {
    // What a start has cleared by a check stays clear.
    for (const place of this.#swept) this.#litter.delete(place);
    for (const [place, { bytes }] of caches) {
      if (bytes !== undefined) this.#olds.set(place, bytes);
    }
  }

  /** Notes which caches may be written, and which not any more: those may have come too late for the start. */
  noteActive(): void {
    const scene = this.#scene;
    for (const place of this.#swept) {
      if (scene.place(place.repo) !== place || !scene.isWritable(place.repo)) this.#swept.delete(place);
    }
    for (const name of NAMES) {
      for (const config of scene.configs) {
        const place = scene.place(name, config);
        if (place !== undefined && hasCache(config, name)) this.#directories.add(place);
      }
    }
  }

  async dispose(): Promise<void> {
    this.#daemon?.send("SIGCONT");
    await this.#workspace.dispose();
  }

  #pathOf(repo: string, position: Position): string {
    const { root } = this.#workspace;
    switch (position) {
      case "home":
        return join(root, "repos", repo);
      case "alt":
        return join(root, "repos", `${repo}.alt`);
      case "aside":
        return join(root, "aside", repo);
      case "double":
        return join(root, "aside", `${repo}.double`);
    }
  }

  #outside(repo: string): string {
    return join(this.#workspace.root, "outside", `${repo}.md`);
  }

  async #stamp(place: Place, name: string): Promise<void> {
    this.#stamps.set(`${place.repo} ${place.id} ${name}`, await stampOf(join(this.directory(place), name)));
  }

  async #changeStateFile(
    step: Extract<Step, { readonly do: "save" | "replace" | "hide" | "unhide" }>,
  ): Promise<void> {
    const scene = this.#scene;
    const place = scene.place(step.repo);
    if (place === undefined) return;
    const name = scene.entry(step.repo).stateFile;
    const file = join(this.directory(place), name);
    if (step.do === "save") {
      await save(file, place.file(name), bytesOf(step.repo, step.text), step.how);
      await this.#stamp(place, name);
    } else if (step.do === "replace") await putObstacle(file, step.by, this.#outside(step.repo));
    else if (step.do === "hide") await rename(file, `${file}.away`);
    else {
      await rename(`${file}.away`, file);
      await this.#stamp(place, name);
    }
  }

  async #move(repo: string, how: "away" | "exchanged" | "back"): Promise<void> {
    const path = (position: Position): string => this.#pathOf(repo, position);
    const places = this.#scene.positions.get(repo);
    if (how === "back") {
      if (places?.has("home") === true) await rename(path("home"), path("double"));
      await rename(path("aside"), path("home"));
      return;
    }
    await rename(path("home"), path("aside"));
    if (how === "exchanged") await rename(path("double"), path("home"));
  }

  async #edit(
    repo: string,
    edit: Extract<Step, { readonly do: "edit" }>["edit"],
  ): Promise<{ complaints: string[]; edited?: Edited }> {
    const place = this.#scene.place(repo);
    if (place === undefined) return { complaints: [] };
    const edited = await editByHand(cacheIn(this.directory(place), undefined), edit, {
      old: this.#olds.get(place),
      stateOf: (peer) => {
        const file = this.#scene.stateFile(peer);
        const isText = file?.kind === "text" && this.#scene.verdict(peer) !== "refused";
        return isText ? file.bytes.toString("utf8") : undefined;
      },
    });
    this.#directories.add(place);
    return edited === undefined ? { complaints: [] } : { complaints: [], edited };
  }

  async #changeCachePlace(
    step: Extract<Step, { readonly do: "remove .aibrain" | "break cache" | "mend cache" }>,
  ): Promise<void> {
    const place = this.#scene.place(step.repo);
    if (place === undefined) return;
    const directory = this.directory(place);
    this.#directories.add(place);
    if (step.do === "break cache") await breakCache(directory, step.fault, this.#outside(step.repo));
    else if (step.do === "mend cache" && place.fault !== undefined) await mendCache(directory, place.fault);
    else await rm(join(directory, CACHE_DIRECTORY), { recursive: true, force: true, maxRetries: 10 });
  }

  async #pause(what: "pause" | "resume", repo: string | undefined): Promise<string[]> {
    const isUp = this.#scene.daemon === "up";
    // A daemon on its way up does not take orders yet.
    if (isUp) await this.ready();
    const ran = await this.#workspace.run(repo === undefined ? [what] : [what, repo]);
    const { configIsValid, paused } = this.#scene;
    // Nobody resumes one repo alone while all of them are paused.
    const isVain = what === "resume" && repo !== undefined && paused.has(ALL);
    const wanted = !isUp && !configIsValid ? 2 : isVain ? 1 : 0;
    return ran.code === wanted ? [] : [`${what} ends with ${ran.code}, wanted ${wanted}: ${ran.stderr}`];
  }

  async #run(command: Command): Promise<Ran> {
    const place = "repo" in command ? this.#scene.place(command.repo) : undefined;
    if (command.kind !== "sync around" || place === undefined)
      return await this.#workspace.run(commandLine(command));
    return await this.#workspace.run(commandLine(command), { cwd: this.directory(place) });
  }

  async #writeConfig(config: Config, how: "in place" | "by rename"): Promise<void> {
    const repos = config.order.map((name) => {
      const { directory, ...entry } = this.#scene.entry(name, config);
      return [name, { path: this.#pathOf(name, directory), ...entry }];
    });
    const debounce = { wait: "20ms", maxWait: "100ms" };
    const settings = {
      version: 1,
      repos: Object.fromEntries(repos),
      debounce,
      rescan: "1s",
      maxBytes: config.maxBytes,
    };
    const file = this.paths.config;
    // JSON is YAML.
    const text = JSON.stringify(settings, undefined, 2);
    if (how === "in place") await writeFile(file, text);
    else {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    }
  }

  async #reload(): Promise<void> {
    await this.ready();
    await ask(this.paths, { method: "POST", path: "/reload", body: {}, timeoutMs: 30_000 });
  }

  #start(): void {
    this.#isReady = false;
    this.#daemon = this.#workspace.spawnDaemon();
    // One that refuses its config clears nothing.
    if (!this.#scene.configIsValid) return;
    // What a killed one left beside the caches that it may write, a start clears away.
    this.#mayHaveOwnLitter = false;
    for (const name of NAMES) {
      const place = this.#scene.place(name);
      if (place !== undefined && this.#scene.isWritable(name)) this.#swept.add(place);
    }
  }

  async #refusal(): Promise<string[]> {
    const code = await this.#daemon?.end();
    return code === 2 ? [] : [`a daemon with a bad config ends with ${code}: ${this.#daemon?.stderr}`];
  }

  async #second(): Promise<string[]> {
    await this.ready();
    const ran = await this.#workspace.run(["run"]);
    const isRefused = this.#scene.configIsValid
      ? ran.code === 1 && ran.stderr.includes(String(this.#daemon?.pid))
      : ran.code === 2;
    return isRefused ? [] : [`a second daemon ends with ${ran.code}: ${ran.stderr}`];
  }

  async #terminate(): Promise<string[]> {
    await this.ready();
    const code = await this.#daemon?.stop();
    return code === 0 ? [] : [`SIGTERM ends the daemon with ${code}: ${this.#daemon?.stderr}`];
  }
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = systemCode(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
    return undefined;
  }
}
