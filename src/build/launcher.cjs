#!/usr/bin/env node
// Each file operation takes a thread, of four by default, and a repo whose disk hangs keeps five or
// so: with many such repos the rest must find threads too. They cost next to nothing until used.
// The number counts at the first operation: loading a module of the newer format is one.
// A command that looks at every repo where no daemon runs is done with each sooner, and a start with
// many threads takes longer: a millisecond for so many.
const threads = {
  run: "128",
  status: "64",
  sync: "64",
  pull: "64",
  explain: "64",
  config: "64",
  doctor: "64",
}[process.argv[2]];
if (threads !== undefined) process.env.UV_THREADPOOL_SIZE ||= threads;
// What a daemon has just made it seldom needs for long: room for more of it, 16 MB twice by default, is
// filled at the start and kept for ever. As much as there is from the beginning serves as well.
if (process.argv[2] === "run") require("node:v8").setFlagsFromString("--semi-space-growth-factor=1");
// A coding agent waits for its hooks: they go without the parser. Its other words are the parser's.
const word = process.argv[2] === "hook" ? process.argv[3] : undefined;
if (word !== undefined && !["install", "uninstall", "print"].includes(word))
  module.exports = require("./hook.cjs");
else void import("./cli.js");
