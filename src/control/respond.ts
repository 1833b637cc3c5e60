import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { elapsed } from "../elapsed.ts";
import { fault, FaultError } from "../errors.ts";
import { type Report, reportDefect } from "../sync/report.ts";
import { realpathOrSame } from "../store/real-path.ts";
import type { Connections } from "./connections.ts";
import { MEANT_HEADER, NOT_MEANT_STATUS } from "./meant.ts";

/** What a route answers: JSON, text, or a stream that it goes on writing itself. */
export type Answer =
  | { readonly status: number; readonly json: object }
  | { readonly status: number; readonly text: string; readonly type: string }
  | { readonly stream: (response: ServerResponse) => void };

/** Handles one request. May throw FaultError; that is answered as 409, or as 400 where the request itself was bad. */
export type Route = (body: unknown) => Promise<Answer> | Answer;

/** Keyed by method and path, as in `GET /status`. */
export type Routes = ReadonlyMap<string, Route>;

/** Four thousand names of repos. Each of many connections may have sent as much. */
const MOST_BODY_BYTES = 64 * 1024;

/** Answers requests by the routes. */
export function responder(parts: ResponderParts): RequestListener {
  const { connections } = parts;
  return (request, response) => {
    const { socket } = request;
    if (!connections.begins(socket)) return;
    response.on("error", () => undefined);
    response.once("close", () => connections.ends(socket));
    void respond(request, response, parts);
  };
}

export interface ResponderParts {
  readonly routes: Routes;
  readonly connections: Connections;
  /** Ours: who means that of another daemon has come to the wrong one. */
  readonly stateDirectory: string;
  readonly report: Report;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, connections, stateDirectory, report }: ResponderParts,
): Promise<void> {
  const started = performance.now();
  const method = request.method ?? "";
  const path = (request.url ?? "").split("?")[0] ?? "";
  try {
    if (!(await isMeant(request, stateDirectory))) {
      const why = fault(
        "DAEMON_REFUSED",
        `this is the daemon of ${stateDirectory}, not the one that is meant`,
      );
      send(response, { status: NOT_MEANT_STATUS, json: { fault: why } });
      return;
    }
    const route = routes.get(`${method} ${path}`);
    if (route === undefined) {
      const known = [...routes.keys()].join(", ");
      const unknown = fault("USAGE", `no ${method} ${path} here; there is ${known}`);
      send(response, { status: 404, json: { fault: unknown } });
      return;
    }
    const body = await readBody(request, connections);
    // The asker has said everything; how long the work may take is for the asker to say.
    const answer = await connections.working(request.socket, () => route(body));
    if ("stream" in answer) {
      connections.streams(request.socket);
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

async function isMeant(request: IncomingMessage, stateDirectory: string): Promise<boolean> {
  const header = request.headers[MEANT_HEADER];
  if (typeof header !== "string") return true;
  const meant = decoded(header);
  if (meant === undefined || meant === stateDirectory) return meant !== undefined;
  // By another name, perhaps: a link on the way to it.
  const [theirs, ours] = await Promise.all([meant, stateDirectory].map(realpathOrSame));
  return theirs === ours;
}

function decoded(header: string): string | undefined {
  try {
    return decodeURIComponent(header);
  } catch {
    return undefined;
  }
}

function failure(error: unknown): { readonly status: number; readonly body: ReturnType<typeof fault> } {
  if (error instanceof FaultError)
    return { status: error.fault.code === "USAGE" ? 400 : 409, body: error.fault };
  const message = error instanceof Error ? error.message : String(error);
  return { status: 500, body: fault("DAEMON_REFUSED", `the daemon failed: ${message}`) };
}

/** Answers that many share are put into words once, and kept once for all who are slow to read. */
const words = new WeakMap<object, Buffer>();

function send(response: ServerResponse, answer: Exclude<Answer, { readonly stream: unknown }>): void {
  const [type, body] =
    "json" in answer ? ["application/json", inWords(answer.json)] : [answer.type, Buffer.from(answer.text)];
  response.writeHead(answer.status, { "content-type": type, "content-length": body.length });
  response.end(body);
}

function inWords(value: object): Buffer {
  const present = words.get(value) ?? Buffer.from(`${JSON.stringify(value)}\n`);
  words.set(value, present);
  return present;
}

async function readBody(request: IncomingMessage, connections: Connections): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      if (!Buffer.isBuffer(chunk)) continue;
      if (size + chunk.length > MOST_BODY_BYTES) {
        throw new FaultError("USAGE", `the request is larger than ${MOST_BODY_BYTES} bytes`);
      }
      if (!connections.hold(chunk.length)) throw new FaultError("USAGE", "too many requests at once");
      size += chunk.length;
      chunks.push(chunk);
    }
  } catch (cause) {
    // Whoever hangs up in mid-sentence hears nothing any more, and did no harm.
    throw cause instanceof FaultError ? cause : new FaultError("USAGE", "the request broke off", { cause });
  } finally {
    connections.letGo(size);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new FaultError("USAGE", "the request is not JSON", { cause });
  }
}
