import { connect, type Socket } from "node:net";

export interface RequestOptions {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** When nothing has moved for so long, in milliseconds, the socket is destroyed with what this makes. */
  readonly timeout?: { readonly ms: number; readonly error: () => Error };
  readonly signal?: AbortSignal;
}

/** An answer of which the head has come. */
export interface Incoming {
  readonly status: number;
  /** Of the body, in bytes; undefined where it goes on until the daemon closes. */
  readonly length: number | undefined;
  /** What it brings from now on is the body. */
  readonly socket: Socket;
}

const HEAD_END = "\r\n\r\n";
const STATUS = /^HTTP\/1\.[01] (\d{3}) /;
const LENGTH = /^content-length: *(\d+) *$/im;

/**
 * Asks over a Unix socket. Node's own client takes longer to load than all else that a hook or a
 * question to the daemon loads. This one speaks HTTP 1.0: whoever answers that sends a body as it
 * is, with its length or up to the end of the connection, and no other way.
 *
 * @returns undefined where the connection ended without an answer.
 * @throws the system's error, or the timeout's.
 */
export async function request(socketPath: string, options: RequestOptions): Promise<Incoming | undefined> {
  const { signal, timeout } = options;
  return await new Promise<Incoming | undefined>((resolve, reject) => {
    const socket = connect({ path: socketPath, ...(signal === undefined ? {} : { signal }) });
    if (timeout !== undefined) socket.setTimeout(timeout.ms, () => socket.destroy(timeout.error()));
    let head = Buffer.alloc(0);
    const onData = (piece: Buffer): void => {
      head = Buffer.concat([head, piece]);
      const end = head.indexOf(HEAD_END);
      if (end === -1) return;
      socket.off("data", onData).pause();
      socket.unshift(head.subarray(end + HEAD_END.length));
      const text = head.toString("latin1", 0, end);
      const [, status] = STATUS.exec(text) ?? [];
      const [, length] = LENGTH.exec(text) ?? [];
      if (status === undefined) socket.destroy(new Error(`what listens on ${socketPath} speaks no HTTP`));
      else
        resolve({
          status: Number(status),
          length: length === undefined ? undefined : Number(length),
          socket,
        });
    };
    socket.on("data", onData);
    // Later on it is for who reads the body to notice.
    socket.on("error", reject);
    socket.on("close", () => resolve(undefined));
    socket.write(sent(options));
  });
}

/** All of an answer's body; undefined where it broke off. @throws as {@link request}. */
export async function bodyOf({ socket, length }: Incoming): Promise<Buffer | undefined> {
  return await new Promise<Buffer | undefined>((resolve, reject) => {
    const pieces: Buffer[] = [];
    let missing = length;
    socket.on("data", (piece: Buffer) => {
      pieces.push(piece);
      if (missing === undefined) return;
      missing -= piece.length;
      if (missing <= 0) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve((missing ?? 0) <= 0 ? Buffer.concat(pieces) : undefined));
    socket.resume();
  });
}

function sent({ method, path, headers, body = "" }: RequestOptions): string {
  const fields = Object.entries({ ...headers, "content-length": String(Buffer.byteLength(body)) });
  const lines = [`${method} ${path} HTTP/1.0`, ...fields.map(([name, value]) => `${name}: ${value}`)];
  return `${lines.join("\r\n")}${HEAD_END}${body}`;
}
