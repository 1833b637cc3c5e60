#!/usr/bin/env node
// Each file operation takes a thread, of four by default, and one disk that hangs would take them
// all. The number counts at the first operation: loading a module of the newer format is one.
if (process.argv[2] === "run") process.env.UV_THREADPOOL_SIZE ||= "32";
void import("./cli.js");
