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
// What somebody waits for at each prompt, tool call or Tab goes without the parser, and so do the
// commands that are a question to the daemon; of these, and of hooks, some words are the parser's.
const [first, second = ""] = process.argv.slice(2);
const isEvent = first === "hook" && !["", "install", "uninstall", "print"].includes(second);
const swift = { "--get-yargs-completions": "tab", "--version": "quick", status: "quick", sync: "quick" };
const file = isEvent ? "hook" : Object.hasOwn(swift, first) ? swift[first] : undefined;
if (file === undefined) void import("./cli.js");
else module.exports = require(`./${file}.cjs`);
