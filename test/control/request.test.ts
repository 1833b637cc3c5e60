import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask } from "../../src/control/client.ts";
import { bodyOf, request } from "../../src/control/request.ts";
import { pathsIn, useTempDirectory } from "../support/temp-dir.ts";

const directory = useTempDirectory();
let socketPath: string;
let server: Server | undefined;
const asked = { method: "GET", path: "/status", headers: {} } as const;

beforeEach(() => {
  socketPath = join(directory.path, "s");
});
afterEach(() => {
  server?.close();
  server = undefined;
});

/** Listens, and treats whoever comes after it has said something. */
async function answering(treat: (socket: Socket) => Promise<void> | void): Promise<void> {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => void treat(socket));
  }).listen(socketPath);
  await once(server, "listening");
}

async function body(): Promise<string | undefined> {
  const incoming = await request(socketPath, asked);
  return incoming && (await bodyOf(incoming))?.toString("utf8");
}

describe("an answer over the socket", () => {
  it("comes in pieces of one byte, the end of the head in two of them", async () => {
    await answering(async (socket) => {
      socket.setNoDelay(true);
      for (const byte of Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{"ä')) {
        socket.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
    });
    expect(await body()).toBe('{"ä');
  });

  it("is whole with its last byte, though the connection stays open", async () => {
    await answering((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    expect(await body()).toBe("{}");
  });

  it("has no length, and goes on to the end of the connection", async () => {
    await answering((socket) => void socket.end("HTTP/1.0 200 OK\r\n\r\nall of it"));
    expect(await body()).toBe("all of it");
  });

  it("has no body", async () => {
    await answering((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    expect(await body()).toBe("");
  });

  it.each([
    ["nothing", ""],
    ["half a head", "HTTP/1.1 200 OK\r\ncontent-le"],
    ["half a body", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"],
  ])("broke off after %s, and is none", async (_, text) => {
    await answering((socket) => void socket.end(text));
    expect(await body()).toBeUndefined();
  });

  it("is of no HTTP: that is told with the socket's path", async () => {
    await answering((socket) => void socket.write("SSH-2.0-OpenSSH\r\n\r\n"));
    await expect(body()).rejects.toThrow(`what listens on ${socketPath} speaks no HTTP`);
  });

  it("stops in the middle: what is made of the timeout is thrown", async () => {
    await answering((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"));
    const timeout = { ms: 50, error: () => new Error("too slow") };
    const incoming = await request(socketPath, { ...asked, timeout });
    await expect(incoming && bodyOf(incoming)).rejects.toThrow("too slow");
  });

  it("never begins: the same", async () => {
    await answering(() => undefined);
    const timeout = { ms: 50, error: () => new Error("too slow") };
    await expect(request(socketPath, { ...asked, timeout })).rejects.toThrow("too slow");
  });

  it("is of megabytes, from Node's own server, which is asked with letters of several bytes", async () => {
    const text = "ä€🙂".repeat(300_000);
    const http = createHttpServer((incoming, response) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.on("end", () => response.end(`${Buffer.concat(pieces).toString("utf8")}${text}`));
    }).listen(socketPath);
    server = http;
    await once(http, "listening");
    // Without a length Node would send it in chunks to who speaks HTTP 1.1.
    const incoming = await request(socketPath, { ...asked, method: "POST", body: "größer: " });
    expect((incoming && (await bodyOf(incoming)))?.toString("utf8")).toBe(`größer: ${text}`);
  });
});

describe("a question to a daemon", () => {
  it.each([
    ["is not there", () => Promise.resolve()],
    ["hangs up at once", () => answering((socket) => void socket.destroy())],
    [
      "hangs up in the middle of its answer",
      () =>
        answering(async (socket) => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
          await delay(20);
          socket.destroy();
        }),
    ],
    [
      "says that another one is meant",
      () => answering((socket) => void socket.end("HTTP/1.1 421 X\r\ncontent-length: 2\r\n\r\n{}")),
    ],
  ])("that %s, has no answer", async (_, begin) => {
    await begin();
    const paths = { ...pathsIn(directory.path), socket: socketPath };
    expect(await ask(paths, { method: "GET", path: "/status", timeoutMs: 5_000 })).toBeUndefined();
  });
});
