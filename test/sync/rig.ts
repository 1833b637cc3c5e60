import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Config } from "../../src/config/load.ts";
import type { Paths } from "../../src/paths.ts";
import type { Section } from "../../src/core/cache/document.ts";
import { parse } from "../../src/core/cache/parse.ts";
import { findRepo, type Repo } from "../../src/core/registry.ts";
import { copiesOf } from "../../src/store/copies.ts";
import { cachePath } from "../../src/store/write-scope.ts";
import { stateFilePath } from "../../src/store/state-file.ts";
import type { Report } from "../../src/sync/report.ts";
import { type EdgeResult, Reconciler } from "../../src/sync/reconciler.ts";
import { pathsIn, repoIn } from "../support/temp-dir.ts";

export interface Reported {
  readonly event: string;
  readonly [field: string]: unknown;
}

export type RepoOptions = Readonly<Record<string, Partial<Repo>>>;

/** Real repos in a directory, and a reconciler over them whose reports are kept. */
export class Rig {
  readonly directory: string;
  readonly paths: Paths;
  readonly reported: Reported[] = [];
  reconciler: Reconciler;
  #repos: readonly Repo[];
  #settings: Partial<Config>;
  readonly #resident: boolean;

  private constructor(directory: string, options: RepoOptions, settings: Partial<Config>, resident: boolean) {
    this.directory = directory;
    this.paths = pathsIn(directory);
    this.#settings = settings;
    this.#repos = reposOf(directory, options);
    this.#resident = resident;
    this.reconciler = this.another(resident);
  }

  /** @param options the repos by name; their directories are made. */
  static async create(
    directory: string,
    options: RepoOptions,
    settings: Partial<Config> = {},
    resident = true,
  ): Promise<Rig> {
    const rig = new Rig(directory, options, settings, resident);
    for (const repo of rig.#repos) {
      await mkdir(repo.path, { recursive: true });
      await writeFile(`${repo.path}/README.md`, repo.name);
    }
    return rig;
  }

  /** Another process's view of the same repos, as after a restart. */
  another(resident = true): Reconciler {
    const report: Report = (event, fields) => void this.reported.push({ event, ...fields });
    return new Reconciler({
      config: this.#config(),
      paths: this.paths,
      report,
      resident,
      now: () => new Date(),
    });
  }

  /** Ends the reconciler and goes on with another one, which knows what the disk and the config know. */
  async restart(settings: Partial<Config> = {}): Promise<void> {
    await this.reconciler.close();
    this.#settings = { ...this.#settings, ...settings };
    this.reconciler = this.another(this.#resident);
  }

  /** Has the reconciler take over other repos. */
  adopt(options: RepoOptions): void {
    this.#repos = reposOf(this.directory, options);
    this.reconciler.adopt(this.#config());
  }

  /** Has the reconciler take over other rules of the guard, as an edit of the config does. */
  async guard(guard: Config["guard"]): Promise<void> {
    this.#settings = { ...this.#settings, guard };
    this.reconciler.adopt(this.#config());
    await this.reconciler.reconcileAll("request");
    await this.reconciler.queue.idle();
  }

  repo(name: string): Repo {
    const repo = findRepo({ repos: this.#repos }, name);
    if (repo === undefined) throw new Error(`no repo ${name}`);
    return repo;
  }

  stateFile(name: string): string {
    return stateFilePath(this.repo(name));
  }

  cacheFile(name: string): string {
    return cachePath(this.repo(name));
  }

  async save(name: string, text: string | Buffer): Promise<void> {
    await writeFile(this.stateFile(name), text);
  }

  /** Saves and has it noticed, as an event would. */
  async change(name: string, text: string): Promise<string> {
    await this.save(name, text);
    return await this.reconciler.observe(name, "event");
  }

  async sync(...names: readonly string[]): Promise<EdgeResult[]> {
    return await this.reconciler.sync(names.map((name) => this.repo(name)));
  }

  /** A cache's text; empty where there is none. */
  async cache(name: string): Promise<string> {
    return await readFile(this.cacheFile(name), "utf8").catch(() => "");
  }

  async sections(name: string): Promise<Section[]> {
    const bytes = Buffer.from(await readFile(this.cacheFile(name)).catch(() => Buffer.alloc(0)));
    const { parts } = parse(bytes, { registered: this.#repos.map((repo) => repo.name) });
    return parts.flatMap((part) => (part.kind === "section" ? [part.section] : []));
  }

  /** The bodies that a cache holds, by peer. */
  async held(name: string): Promise<Record<string, string>> {
    const sections = await this.sections(name);
    return Object.fromEntries(sections.map((section) => [section.repo, section.body.toString()]));
  }

  /** The texts of all copies that were kept of a cache. */
  async copies(name: string): Promise<string[]> {
    const copies = await copiesOf(name, this.paths.copiesDirectory);
    return await Promise.all(copies.map((copy) => readFile(copy.path, "utf8")));
  }

  events(name: string): Reported[] {
    return this.reported.filter((each) => each.event === name);
  }

  #config(): Config {
    return {
      registry: { repos: this.#repos },
      debounceMs: { wait: 20, maxWait: 200 },
      rescanMs: 60_000,
      maxBytes: 1_048_576,
      guard: { patterns: {}, allow: [] },
      file: `${this.directory}/config.yaml`,
      sha256: "0".repeat(64),
      ...this.#settings,
    };
  }
}

function reposOf(directory: string, options: RepoOptions): Repo[] {
  return Object.entries(options).map(([name, option]) => repoIn(directory, name, option));
}

/** Edge results in short: `a>b written`. */
export function outcomes(results: readonly EdgeResult[]): string[] {
  return results.map(
    ({ from, to, outcome, fault }) =>
      `${from}>${to} ${outcome}${fault === undefined ? "" : ` ${fault.code}`}`,
  );
}
