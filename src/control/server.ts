import { chmod, unlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import type { Paths } from "../paths.ts";
import { elapsed } from "../elapsed.ts";
import { fault, FaultError, systemCode } from "../errors.ts";
import { makePrivateDirectory } from "../store/private-directory.ts";
import { statIfThere } from "../store/identity.ts";
import { type Report, reportDefect } from "../sync/report.ts";

/** What a route answers: JSON, text, or a stream that it goes on writing itself. */
export type Answer =
  | { readonly status: number; readonly json: unknown }
  | { readonly status: number; readonly text: string; readonly type: string }
  | { readonly stream: (response: ServerResponse) => void };

/** Handles one request. May throw FaultError; that is answered as 409, or as 400 where the request itself was bad. */
export type Route = (body: unknown) => Promise<Answer> | Answer;

/** Keyed by method and path, as in `GET /status`. */
export type Routes = ReadonlyMap<string, Route>;

/** No request of ours comes near. */
const MOST_BODY_BYTES = 1024 * 1024;
const MOST_CONNECTIONS = 512;
const IDLE_MS = 30_000;
/** macOS takes 103 bytes, Linux 107. */
const LONGEST_SOCKET_PATH = 103;

/**
 * The control socket: HTTP over a Unix socket that only its user can open. Nothing listens on a
 * network.
 */
export class ControlServer {
  readonly #paths: Paths;
  readonly #handle: (request: IncomingMessage, response: ServerResponse) => void;
  #server: Server | undefined;
  /** Device and inode of the socket that we made. */
  #made: string | undefined;

  private constructor(paths: Paths, routes: Routes, report: Report) {
    this.#paths = paths;
    this.#handle = (request, response) => void respond(request, response, routes, report);
  }

  /**
   * Listens. Only for the holder of the writer's lock: whatever lies at the socket's path then is
   * a dead process's.
   *
   * @throws FaultError STATE_DIRECTORY where the socket cannot be made.
   */
  static async listen(paths: Paths, routes: Routes, report: Report): Promise<ControlServer> {
    const server = new ControlServer(paths, routes, report);
    await server.#listen();
    return server;
  }

  /** Listens anew where the socket was removed: a session that ends may take its directory along. */
  async keep(): Promise<void> {
    if ((await fileAt(this.#paths.socket)) === this.#made) return;
    await this.close();
    await this.#listen();
  }

  /** Stops listening and cuts what is open. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    // Closing removes what lies at the path, and that may be another daemon's by now.
    if ((await fileAt(this.#paths.socket)) !== this.#made) server.unref();
    else await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async #listen(): Promise<void> {
    const { socket, runDirectory } = this.#paths;
    const length = Buffer.byteLength(socket);
    if (length > LONGEST_SOCKET_PATH) {
      const message = `${socket} has ${length} bytes, too many for a socket (${LONGEST_SOCKET_PATH}). Set XDG_RUNTIME_DIR to a shorter one`;
      throw new FaultError("STATE_DIRECTORY", message, { path: socket });
    }
    await makePrivateDirectory(runDirectory);
    const server = createServer(this.#handle);
    server.headersTimeout = 5_000;
    server.requestTimeout = 10_000;
    // A client that connects and says nothing; streams that go on lift it for themselves.
    server.timeout = IDLE_MS;
    server.maxConnections = MOST_CONNECTIONS;
    try {
      await unlinkIfThere(socket);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(socket, resolve);
      });
      await chmod(socket, 0o600);
    } catch (cause) {
      const why = systemCode(cause) ?? String(cause);
      throw new FaultError("STATE_DIRECTORY", `cannot listen on ${socket}: ${why}`, { path: socket, cause });
    }
    this.#server = server;
    this.#made = await fileAt(socket);
  }
}

/** Device and inode of what is at a path. */
async function fileAt(path: string): Promise<string | undefined> {
  const stats = await statIfThere(path);
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Routes,
  report: Report,
): Promise<void> {
  const started = performance.now();
  const method = request.method ?? "";
  const path = (request.url ?? "").split("?")[0] ?? "";
  response.on("error", () => undefined);
  try {
    const route = routes.get(`${method} ${path}`);
    if (route === undefined) {
      const known = [...routes.keys()].join(", ");
      const unknown = fault("USAGE", `no ${method} ${path} here; there is ${known}`);
      send(response, { status: 404, json: { fault: unknown } });
      return;
    }
    const body = await readBody(request);
    // The asker has said everything; how long the work may take is for the asker to say.
    request.socket.setTimeout(0);
    const answer = await route(body);
    if ("stream" in answer) {
      answer.stream(response);
      return;
    }
    send(response, answer);
    report("request.handled", { method, path, status: answer.status, durationMs: elapsed(started) });
  } catch (error) {
    const { status, body: why } = failure(error);
    if (!response.headersSent) send(response, { status, json: { fault: why } });
    const { code, message } = why;
    const durationMs = elapsed(started);
    // What the asker got wrong is the asker's to hear; only what went wrong here is news.
    if (status !== 500) report("request.handled", { method, path, status, durationMs });
    else {
      report("request.failed", { method, path, status, code, message, durationMs });
      reportDefect(report, error);
    }
  }
}

function failure(error: unknown): { readonly status: number; readonly body: ReturnType<typeof fault> } {
  if (error instanceof FaultError)
    return { status: error.fault.code === "USAGE" ? 400 : 409, body: error.fault };
  const message = error instanceof Error ? error.message : String(error);
  return { status: 500, body: fault("DAEMON_REFUSED", `the daemon failed: ${message}`) };
}

function send(response: ServerResponse, answer: Exclude<Answer, { readonly stream: unknown }>): void {
  const [type, text] =
    "json" in answer ? ["application/json", `${JSON.stringify(answer.json)}\n`] : [answer.type, answer.text];
  const body = Buffer.from(text);
  response.writeHead(answer.status, { "content-type": type, "content-length": body.length });
  response.end(body);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      if (!Buffer.isBuffer(chunk)) continue;
      size += chunk.length;
      if (size > MOST_BODY_BYTES) {
        throw new FaultError("USAGE", `the request is larger than ${MOST_BODY_BYTES} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (cause) {
    // Whoever hangs up in mid-sentence hears nothing any more, and did no harm.
    throw cause instanceof FaultError ? cause : new FaultError("USAGE", "the request broke off", { cause });
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new FaultError("USAGE", "the request is not JSON", { cause });
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
