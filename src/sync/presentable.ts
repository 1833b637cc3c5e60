import type { CacheDocument, Part } from "../core/cache/document.ts";
import { parse } from "../core/cache/parse.ts";
import { render } from "../core/cache/render.ts";
import type { Registry } from "../core/registry.ts";
import { sha256 } from "../core/snapshot.ts";
import type { GuardOptions } from "../guard/guarded.ts";
import { RulesInForce } from "./rules-in-force.ts";
import { cleanPart } from "./standing.ts";

/**
 * Caches as they may be shown: what stood in one before us, what people wrote there and what the
 * original utility copied may hold secrets. Our own lines, times and digests, stay as they are.
 */
export class Presentable {
  readonly #registered: readonly string[];
  readonly #rules: RulesInForce;

  constructor(registry: Registry, guard: GuardOptions) {
    this.#registered = registry.repos.map((repo) => repo.name);
    this.#rules = RulesInForce.of(guard);
  }

  /** A cache as it stands. @throws RuleError where a rule failed on it. */
  async file(bytes: Buffer): Promise<string> {
    const parsed = parse(bytes, { registered: this.#registered });
    const asParsed = Buffer.concat(render(parsed, parsed.updatedAt ?? ""));
    // In what is not as we write it, or is nobody's yet, nobody's lines are ours.
    return asParsed.equals(bytes) ? await this.document(parsed) : await this.#text(bytes);
  }

  /** @throws RuleError where a rule failed on it. */
  async document(document: CacheDocument): Promise<string> {
    const parts: Part[] = [];
    for (const part of document.parts) parts.push(await this.#part(part));
    const preamble = Buffer.from(await this.#text(document.preamble));
    return Buffer.concat(render({ ...document, preamble, parts }, document.updatedAt ?? "")).toString("utf8");
  }

  async #part(part: Part): Promise<Part> {
    if (part.kind === "foreign") return { ...part, bytes: Buffer.from(await this.#text(part.bytes)) };
    const { clean } = await cleanPart(part, this.#rules);
    if (part.kind !== "section") return clean === undefined ? part : { ...part, bytes: clean.bytes };
    const { section } = part;
    const origin = await this.#rules.label(section.origin);
    const branch = section.branch === undefined ? {} : { branch: await this.#rules.label(section.branch) };
    return {
      kind: "section",
      section: { ...section, origin, ...branch, body: clean?.bytes ?? section.body },
    };
  }

  async #text(bytes: Buffer): Promise<string> {
    return (await this.#rules.clear(bytes, sha256(bytes))).body.toString("utf8");
  }
}
