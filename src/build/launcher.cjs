#!/usr/bin/env node
// Each file operation takes a thread, of four by default, and a repo whose disk hangs keeps five or
// so: with many such repos the rest must find threads too. They cost next to nothing until used.
// The number counts at the first operation: loading a module of the newer format is one.
if (process.argv[2] === "run") process.env.UV_THREADPOOL_SIZE ||= "128";
void import("./cli.js");
