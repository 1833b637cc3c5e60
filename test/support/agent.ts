import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Ran, SCRIPT, type Workspace } from "./workspace.ts";

export interface AgentEvent {
  readonly cwd?: string;
  readonly [field: string]: unknown;
}

/** What a hook said: the text for the model, and how the process ended. */
export interface Heard extends Ran {
  /** Undefined where it said nothing. */
  readonly text: string | undefined;
  readonly eventName: string | undefined;
}

/** A coding agent's session, as its harness plays it: JSON on standard input, JSON back. */
export class Agent {
  readonly #workspace: Workspace;
  readonly #sessionId: string;
  readonly #cwd: string;

  constructor(workspace: Workspace, sessionId: string, cwd: string) {
    this.#workspace = workspace;
    this.#sessionId = sessionId;
    this.#cwd = cwd;
  }

  async start(source = "startup", args: readonly string[] = []): Promise<Heard> {
    return await this.hook(["session-start", ...args], { hook_event_name: "SessionStart", source });
  }

  async prompt(args: readonly string[] = []): Promise<Heard> {
    return await this.hook(["prompt", ...args], { hook_event_name: "UserPromptSubmit", prompt: "go on" });
  }

  async tool(args: readonly string[] = []): Promise<Heard> {
    return await this.hook(["checkpoint", ...args], {
      hook_event_name: "PostToolUse",
      tool_name: "Edit",
      tool_input: { file_path: "x" },
    });
  }

  async hook(words: readonly string[], event: AgentEvent): Promise<Heard> {
    const input = JSON.stringify({
      session_id: this.#sessionId,
      transcript_path: "/nowhere",
      cwd: this.#cwd,
      ...event,
    });
    return heard(await runHook(this.#workspace, words, input));
  }
}

/** Runs a hook with whatever on standard input. */
export async function runHook(
  workspace: Workspace,
  words: readonly string[],
  input: string | Buffer,
  options: { readonly before?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [SCRIPT, ...(options.before ?? []), "hook", ...words], {
    cwd: workspace.root,
    env: { ...workspace.env, CLAUDE_PROJECT_DIR: undefined, ...options.env },
    stdio: "pipe",
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  // One that ended before it read everything is no failure of the test.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  await once(child, "close");
  return { code: child.exitCode, ...output };
}

export function heard(ran: Ran): Heard {
  if (ran.stdout === "") return { ...ran, text: undefined, eventName: undefined };
  const { hookSpecificOutput } = JSON.parse(ran.stdout);
  return { ...ran, text: hookSpecificOutput.additionalContext, eventName: hookSpecificOutput.hookEventName };
}
