import { describe, expect, it } from "vitest";
import { isLaunchdJob } from "../../src/service/launchd-job.ts";
import { LABEL } from "../../src/service/plist.ts";
import { isDisabled, parsePrinted } from "../../src/service/printed-job.ts";

/** As macOS 14 prints it, as far as that is known: nothing here was recorded on a Mac. */
const RUNNING = `gui/501/io.github.state-syncd = {
	active count = 1
	path = /Users/me/Library/LaunchAgents/io.github.state-syncd.plist
	type = LaunchAgent
	state = running

	program = /opt/homebrew/bin/node
	arguments = {
		/opt/homebrew/bin/node
		/Users/me/My Things/state-syncd
		run
		--config
		 a = b
	}

	stdout path = /Users/me/Library/Logs/state-syncd.log
	stderr path = /Users/me/Library/Logs/state-syncd.log
	inherited environment = {
		SSH_AUTH_SOCK => /private/tmp/com.apple.launchd.X3d/Listeners
		pid = 1
	}

	default environment = {
		PATH => /usr/bin:/bin:/usr/sbin:/sbin
	}

	environment = {
		PATH => /usr/local/bin:/usr/bin
		XDG_STATE_HOME => /Users/me/a => b
		OSLogRateLimit => 64
		XPC_SERVICE_NAME => io.github.state-syncd
	}

	domain = gui/501 [100006]
	asid = 100006
	minimum runtime = 10
	exit timeout = 20
	nice = 0
	runs = 3
	pid = 4711
	immediate reason = semaphore
	forks = 0
	execs = 1
	initialized = 1
	trampolined = 1
	started suspended = 0
	proxy started suspended = 0
	checked allocations = 0 (queried = 1)
	last terminating signal = Killed: 9

	semaphores = {
		successful exit => 0
	}

	spawn type = background (2)
	jetsam priority = 40
	jetsam memory limit (active) = (unlimited)
	jetsamproperties category = daemon
	submitted job. ignore execute allowed
	job state = running

	properties = runatload | inferred program
}
`;

function other(state: string, end: string): string {
  return RUNNING.replace("state = running", `state = ${state}`)
    .replace("\tpid = 4711\n", "")
    .replace("job state = running", "job state = exited")
    .replace("last terminating signal = Killed: 9", end);
}

describe("what `launchctl print` says of a job", () => {
  it("running", () => {
    expect(parsePrinted(RUNNING)).toEqual({
      path: "/Users/me/Library/LaunchAgents/io.github.state-syncd.plist",
      state: "running",
      pid: 4711,
      lastEnd: "last terminating signal = Killed: 9",
      command: ["/opt/homebrew/bin/node", "/Users/me/My Things/state-syncd", "run", "--config", " a = b"],
      environment: {
        PATH: "/usr/local/bin:/usr/bin",
        XDG_STATE_HOME: "/Users/me/a => b",
        OSLogRateLimit: "64",
        XPC_SERVICE_NAME: "io.github.state-syncd",
      },
    });
  });

  it.each([
    ["not running", "last exit code = (never exited)", ""],
    ["not running", "last exit code = 0", ""],
    ["waiting", "last exit code = 0", ""],
    ["not running", "last exit code = 2", "last exit code = 2"],
    ["spawn scheduled", "last exit code = 1", "last exit code = 1"],
    ["spawn scheduled", "last exit code = 78: EX_CONFIG", "last exit code = 78: EX_CONFIG"],
    ["spawn scheduled", "last exit code = -9", "last exit code = -9"],
    [
      "not running",
      "last terminating signal = Segmentation fault: 11",
      "last terminating signal = Segmentation fault: 11",
    ],
    ["SIGTERMed", "last exit code = (never exited)", ""],
  ])("%s, %s", (state, end, lastEnd) => {
    expect(parsePrinted(other(state, end))).toMatchObject({ state, pid: null, lastEnd });
  });

  it.each(["", "\n", "gui/501/x = {\n}\n", "something else entirely", RUNNING.slice(0, 300)])(
    "a text of another kind is no crash: %j",
    (text) => {
      expect(parsePrinted(text)).toMatchObject({ pid: null, lastEnd: "" });
    },
  );
});

describe("whether `launchctl print-disabled` names our service", () => {
  it.each([
    [`disabled services = {\n\t"${LABEL}" => disabled\n}\n`, true],
    [`disabled services = {\n\t"${LABEL}" => true\n}\nlogin item associations = {\n}\n`, true],
    [`disabled services = {\n\t"${LABEL}" => enabled\n}\n`, false],
    [`disabled services = {\n\t"${LABEL}" => false\n}\n`, false],
    [`disabled services = {\n\t"${LABEL}2" => disabled\n\t"x${LABEL}" => disabled\n}\n`, false],
    ["disabled services = {\n}\n", false],
    ["", false],
  ])("%j: %s", (text, expected) => {
    expect(isDisabled(text, LABEL)).toBe(expected);
  });
});

describe("whether launchd has started this process", () => {
  it.each([
    ["our job", LABEL, 1, true],
    ["our job, whatever stands in between", LABEL, 4711, true],
    ["a job of another name", "homebrew.mxcl.state-syncd", 1, true],
    ["started by a job, and no job itself", "homebrew.mxcl.something", 4711, false],
    ["a terminal's window", "0", 4711, false],
    ["a terminal's window that was closed since", "0", 1, false],
    ["another terminal's window", "application.com.googlecode.iterm2.1.2", 4711, false],
    ["another terminal's window that was closed since", "application.com.googlecode.iterm2.1.2", 1, false],
    ["no Mac", undefined, 1, false],
  ])("%s", (_what, name, parent, expected) => {
    expect(isLaunchdJob({ XPC_SERVICE_NAME: name }, parent)).toBe(expected);
  });
});
