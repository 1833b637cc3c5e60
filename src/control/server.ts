import { chmod, unlink } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { connect } from "node:net";
import type { Paths } from "../paths.ts";
import { type Fault, fault, FaultError, systemCode } from "../errors.ts";
import { makePrivateDirectoryAmongOthers } from "../store/private-directory.ts";
import { statIfThere } from "../store/identity.ts";
import type { Report } from "../sync/report.ts";
import { Connections } from "./connections.ts";
import { responder, type Routes } from "./respond.ts";

/** Those that come all at once wait here for their turn to be taken in; beyond, they are refused. */
const BACKLOG = 4_096;
/** A connection without a request in hand on which nothing moves ends after this, in milliseconds. */
const IDLE_MS = 30_000;
/** macOS takes 103 bytes, Linux 107. */
const LONGEST_SOCKET_PATH = 103;

/**
 * The control socket: HTTP over a Unix socket that only its user can open. Nothing listens on a
 * network.
 */
export class ControlServer {
  readonly #paths: Paths;
  readonly #report: Report;
  readonly #connections = new Connections();
  readonly #handle: RequestListener;
  #server: Server | undefined;
  /** Device and inode of the socket that we made. */
  #made: string | undefined;
  /** Why the socket is not there for those who look for it. */
  #problem: Fault | undefined;

  private constructor(paths: Paths, routes: Routes, report: Report) {
    this.#paths = paths;
    this.#report = report;
    this.#handle = responder({
      routes,
      connections: this.#connections,
      stateDirectory: paths.stateDirectory,
      report,
    });
  }

  /**
   * Listens. Only for the holder of the writer's lock.
   *
   * @throws FaultError STATE_DIRECTORY where the socket cannot be made, or another daemon's is there.
   */
  static async listen(paths: Paths, routes: Routes, report: Report): Promise<ControlServer> {
    const server = new ControlServer(paths, routes, report);
    await server.#listen();
    return server;
  }

  /**
   * Sees to it that the socket is there and our user's alone: a session that ends may take its
   * directory along, and somebody may have loosened what it is guarded by.
   */
  async keep(): Promise<void> {
    try {
      if ((await fileAt(this.#paths.socket)) === this.#made) await this.#tighten();
      else await this.#listen();
      this.#tell(undefined);
    } catch (error) {
      this.#tell(error instanceof FaultError ? error.fault : this.#unusable(error));
    }
  }

  /** Stops listening and cuts what is open. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    // Closing removes what lies at the path, and that may be another daemon's by now.
    if ((await fileAt(this.#paths.socket)) !== this.#made) server.unref();
    else await closed(server);
  }

  async #listen(): Promise<void> {
    const { socket, runDirectory } = this.#paths;
    const length = Buffer.byteLength(socket);
    if (length > LONGEST_SOCKET_PATH) {
      const message = `${socket} has ${length} bytes, too many for a socket (${LONGEST_SOCKET_PATH}). Set XDG_RUNTIME_DIR to a shorter one`;
      throw new FaultError("STATE_DIRECTORY", message, { path: socket });
    }
    await makePrivateDirectoryAmongOthers(runDirectory);
    if (await isListenedTo(socket)) {
      const remedy = "Give each daemon an XDG_RUNTIME_DIR of its own, or stop the other one.";
      throw new FaultError("STATE_DIRECTORY", `another daemon listens on ${socket}`, {
        path: socket,
        remedy,
      });
    }
    await this.close();
    const server = createServer(this.#handle);
    server.headersTimeout = 5_000;
    server.requestTimeout = 10_000;
    server.timeout = IDLE_MS;
    server.on("timeout", (connection) => this.#connections.rested(connection));
    server.on("connection", (connection) => this.#connections.admit(connection));
    try {
      await unlinkIfThere(socket);
      await new Promise<void>((resolve, reject) => {
        // It stays: one that cannot be taken in, for want of a descriptor, is told here later on.
        server.on("error", reject);
        server.listen({ path: socket, backlog: BACKLOG }, resolve);
      });
      await chmod(socket, 0o600);
      this.#made = await fileAt(socket);
    } catch (cause) {
      await closed(server);
      const { code, message, path = socket } = this.#unusable(cause);
      throw new FaultError(code, message, { path, cause });
    }
    this.#server = server;
  }

  async #tighten(): Promise<void> {
    const { socket, runDirectory } = this.#paths;
    await makePrivateDirectoryAmongOthers(runDirectory);
    const stats = await statIfThere(socket);
    if (stats !== undefined && (stats.mode & 0o177n) !== 0n) await chmod(socket, 0o600);
  }

  #unusable(cause: unknown): Fault {
    const { socket: path } = this.#paths;
    return fault("STATE_DIRECTORY", `cannot listen on ${path}: ${systemCode(cause) ?? String(cause)}`, {
      path,
    });
  }

  /** One line when it changes. */
  #tell(problem: Fault | undefined): void {
    const before = this.#problem;
    this.#problem = problem;
    if (problem?.message === before?.message) return;
    const path = this.#paths.socket;
    if (problem === undefined) this.#report("socket.restored", { path });
    else this.#report("socket.lost", { path, code: problem.code, message: problem.message });
  }
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Device and inode of what is at a path. */
async function fileAt(path: string): Promise<string | undefined> {
  const stats = await statIfThere(path);
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

/** Whether some process listens there. A socket's file outlives its process, and tells nothing. */
async function isListenedTo(path: string): Promise<boolean> {
  const dead = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK", "ENOTDIR"]);
  return await new Promise<boolean>((resolve) => {
    const connection = connect(path, () => {
      connection.destroy();
      resolve(true);
    });
    connection.on("error", (error) => resolve(!dead.has(systemCode(error) ?? "")));
  });
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
