import type { Socket } from "node:net";

/** More than anybody needs who uses this as it is meant to be used: above it idle ones are cut. */
const MANY = 256;
/** One that has just come is given this long to say what it wants, in milliseconds. */
const FRESH_MS = 1_000;
/** So many and no more, whatever they do. */
const MOST = 4_096;
/** What they have sent of their requests and not finished, all of them together. */
const MOST_HELD_BYTES = 8 * 1024 * 1024;
/** Who listens and does not read costs memory, each of them. */
const MOST_STREAMS = 64;
/** Requests that one connection may have unanswered. */
const MOST_IN_A_ROW = 32;

interface Connection {
  /** When it last had a request in hand, or was opened. */
  since: number;
  /** Requests that came and are not answered to the end. */
  unanswered: number;
  /** Of these, the ones that are being worked on. */
  inHand: number;
  isStream: boolean;
}

/**
 * The open connections of the control socket. There is always room for one more request: when
 * there are many, those that have none in hand are cut, the longest idle first. Whoever sends a
 * request slowly, or does not read the answer, is idle.
 */
export class Connections {
  /** In the order of `since`. */
  readonly #open = new Map<Socket, Connection>();
  #heldBytes = 0;

  /** Takes a new connection in. */
  admit(socket: Socket): void {
    this.#open.set(socket, { since: performance.now(), unanswered: 0, inHand: 0, isStream: false });
    socket.once("close", () => this.#open.delete(socket));
    this.#makeRoom(socket);
  }

  /** Cuts a connection on which nothing has moved for long, unless it waits for our answer. */
  rested(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || isIdle(connection)) socket.destroy();
  }

  /**
   * Makes room for a part of a request.
   *
   * @returns false where there is none; nothing is held then.
   */
  hold(bytes: number): boolean {
    if (this.#heldBytes + bytes > MOST_HELD_BYTES) return false;
    this.#heldBytes += bytes;
    return true;
  }

  /** Gives that room back. */
  letGo(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  /**
   * Notes that a request begins to come.
   *
   * @returns false where the connection has too many unanswered; it is cut.
   */
  begins(socket: Socket): boolean {
    const connection = this.#open.get(socket);
    if (connection === undefined) return false;
    connection.unanswered += 1;
    if (connection.unanswered <= MOST_IN_A_ROW) return true;
    this.#cut(socket);
    return false;
  }

  /** Notes that a request's answer was read to its end, or will never be. */
  ends(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.unanswered -= 1;
  }

  /** Does a request's work: its connection is not idle meanwhile. */
  async working<T>(socket: Socket, work: () => Promise<T> | T): Promise<T> {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.inHand += 1;
    try {
      return await work();
    } finally {
      if (connection !== undefined) {
        connection.inHand -= 1;
        this.#touch(socket, connection);
      }
    }
  }

  /** Notes that an answer goes on without end. */
  streams(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.isStream = true;
    const streams = [...this.#open].flatMap(([each, { isStream }]) => (isStream ? [each] : []));
    const [oldest] = streams;
    if (oldest !== undefined && streams.length > MOST_STREAMS) this.#cut(oldest);
  }

  #touch(socket: Socket, connection: Connection): void {
    connection.since = performance.now();
    if (this.#open.delete(socket)) this.#open.set(socket, connection);
  }

  #makeRoom(newest: Socket): void {
    const now = performance.now();
    for (const [socket, connection] of this.#open) {
      if (this.#open.size <= MANY) return;
      if (!isIdle(connection) || socket === newest) continue;
      if (now - connection.since < FRESH_MS && this.#open.size <= MOST) return;
      this.#cut(socket);
    }
    if (this.#open.size > MOST) this.#cut(newest);
  }

  #cut(socket: Socket): void {
    this.#open.delete(socket);
    socket.destroy();
  }
}

function isIdle({ inHand, isStream }: Connection): boolean {
  return inHand === 0 && !isStream;
}
