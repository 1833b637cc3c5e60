import { access, constants } from "node:fs/promises";
import { ask } from "../service/tool.ts";
import { FaultError, systemCode } from "../errors.ts";
import { describeChange } from "../service/change.ts";
import { VERSION } from "../version.ts";
import { isOlder } from "./node.ts";
import { type Check, fine, type Finding, type Fix, note, problem, warning, type World } from "./finding.ts";

const INSTALL = "Run `state-syncd service install`.";
const VERSION_MS = 20_000;

/** Whether the daemon is a service, and one that will still start tomorrow. */
export const checkService: Check = async (world) => {
  const { service, noService } = world;
  if (service === undefined) {
    const reason = noService === undefined ? "" : ` (${noService.message})`;
    const message = `no service manager answers here${reason}: whoever starts \`state-syncd run\` keeps it running`;
    return [note("service", message, noService?.fault.remedy)];
  }
  const { state } = service;
  if (state.files.length === 0)
    return [note("service", "not installed: the daemon runs as long as somebody runs it", INSTALL)];
  const found = await checkProgram(world, state.command);
  found.push(...checkState(world));
  const isIll = found.some(({ level }) => level !== "note");
  return isIll ? found : [fine("service", `installed, ${state.activity}, starts at login`), ...found];
};

/** What it runs; and its files, which another version would want otherwise. */
async function checkProgram(world: World, command: readonly string[]): Promise<Finding[]> {
  // Of a unit that its user has written there is nothing to be mended here.
  if (command.length === 0) return [note("service", "a unit of your own: it is left as it is")];
  const found = await checkCommand(world, command);
  return found.length > 0 ? found : await checkFiles(world);
}

function checkState({ service, refresh, report }: World): Finding[] {
  if (service === undefined) return [];
  const { activity, failure, enabled, lingers } = service.state;
  const found: Finding[] = [];
  if (activity === "failed")
    found.push(
      problem(
        "service",
        `it has failed: ${failure}`,
        "See `state-syncd logs`, mend what it says, then `state-syncd service start`.",
      ),
    );
  else if (activity === "stopped" && report?.daemon.running === true)
    found.push(
      warning(
        "service",
        "installed, and not what runs the daemon: somebody runs it by hand",
        "End that one, then `state-syncd service start`.",
      ),
    );
  else if (activity === "stopped" && report === undefined)
    found.push(warning("service", "installed, and not running", "Start it: `state-syncd service start`."));
  if (!enabled) found.push(warning("service", "does not start at login", INSTALL, mended(refresh)));
  if (lingers === false)
    found.push(
      note("service", "ends with your last session", "To have it run always: `loginctl enable-linger`."),
    );
  return found;
}

/** Files of an earlier version, or a repo that a hardened service may not write yet. */
async function checkFiles({ config, drift, refresh }: World): Promise<Finding[]> {
  if (config === undefined) return [];
  try {
    const lacks = (await drift()).filter(({ kind }) => kind !== "run").map(describeChange);
    if (lacks.length === 0) return [];
    const message = `its files are not what this version, and the config, want: ${lacks.join("; ")}`;
    return [warning("service", message, INSTALL, mended(refresh))];
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return [problem("service", error.message, error.fault.remedy)];
  }
}

/** An upgrade may have taken away what the service runs; it goes on until it is started the next time. */
async function checkCommand({ reinstall }: World, command: readonly string[]): Promise<Finding[]> {
  const [node = "", script = ""] = command;
  const gone: Finding[] = [];
  for (const [what, path, mode] of [
    ["node", node, constants.X_OK],
    ["state-syncd", script, constants.R_OK],
  ] as const) {
    const why = await whyNot(path, mode);
    if (why !== undefined)
      gone.push(
        problem(
          "service",
          `the ${what} that it runs is not there any more: ${path} (${why})`,
          INSTALL,
          again(reinstall),
        ),
      );
  }
  if (gone.length > 0) return gone;
  const { code, stdout, stderr } = await ask(node, [script, "--version"], VERSION_MS);
  const version = stdout.trim();
  if (code !== 0)
    return [
      problem(
        "service",
        `what it runs fails: ${node} ${script} --version: ${stderr.split("\n")[0] ?? ""}`,
        INSTALL,
        again(reinstall),
      ),
    ];
  if (version === VERSION) return [];
  const message = `it runs version ${version}, this is ${VERSION}`;
  // An old one that was forgotten somewhere would put the service back.
  if (isOlder(VERSION, version)) return [warning("service", message, "Install state-syncd again here.")];
  return [warning("service", message, INSTALL, again(reinstall))];
}

async function whyNot(path: string, mode: number): Promise<string | undefined> {
  try {
    await access(path, mode);
    return undefined;
  } catch (error) {
    return systemCode(error) ?? String(error);
  }
}

function mended(apply: () => Promise<void>): Fix {
  return { describe: "bring the service up to date", apply };
}

function again(apply: () => Promise<void>): Fix {
  return { describe: "install the service again", apply };
}
