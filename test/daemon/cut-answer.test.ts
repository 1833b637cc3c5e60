import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Workspace } from "../support/workspace.ts";

let workspace: Workspace;
let server: Server;
/** What a daemon that is killed in the middle of its answer looks like to who has asked. */
beforeEach(async () => {
  workspace = await Workspace.create({ repos: { a: {}, b: {} } });
  for (const name of ["a", "b"]) await workspace.save(name, `state of ${name}\n`);
  await mkdir(dirname(workspace.paths.socket), { recursive: true, mode: 0o700 });
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n";
      socket.write(`${head}{"edges":[`, () => socket.destroy());
    });
  });
  server.listen(workspace.paths.socket);
  await once(server, "listening");
});
afterEach(async () => {
  server.close();
  await workspace.dispose();
});

describe("an answer that breaks off", () => {
  it.each([
    [["sync", "a"], 0],
    [["pull", "b"], 0],
    [["status"], 3],
    [["explain", "a"], 1],
    [["pause", "a"], 0],
  ])("%j takes for no daemon, and not for a defect", async (args, exitCode) => {
    const { code, stderr } = await workspace.run(args);
    expect(stderr).not.toMatch(/internal error|report this/);
    expect(code).toBe(exitCode);
  });
});
