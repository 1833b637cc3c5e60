import { access, constants } from "node:fs/promises";
import { ask } from "../service/tool.ts";
import { FaultError, systemCode } from "../errors.ts";
import { describeChange } from "../service/change.ts";
import { VERSION } from "../version.ts";
import { type Check, fine, type Finding, type Fix, note, problem, warning, type World } from "./finding.ts";

const INSTALL = "Run `state-syncd service install`.";
const VERSION_MS = 20_000;

/** Whether the daemon is a service, and one that will still start tomorrow. */
export const checkService: Check = async (world) => {
  const { service } = world;
  if (service === undefined)
    return [
      note("service", "no service manager answers here: whoever starts `state-syncd run` keeps it running"),
    ];
  const { state } = service;
  if (state.files.length === 0)
    return [note("service", "not installed: the daemon runs as long as somebody runs it", INSTALL)];
  const found = [
    ...(await checkCommand(world, state.command)),
    ...(await checkFiles(world)),
    ...checkState(world),
  ];
  const isIll = found.some(({ level }) => level !== "note");
  return isIll ? found : [fine("service", `installed, ${state.activity}, starts at login`), ...found];
};

function checkState({ service, reinstall, report }: World): Finding[] {
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
  if (!enabled) found.push(warning("service", "does not start at login", INSTALL, again(reinstall)));
  if (lingers === false)
    found.push(
      note("service", "ends with your last session", "To have it run always: `loginctl enable-linger`."),
    );
  return found;
}

/** Files of an earlier version, or a repo that a hardened service may not write yet. */
async function checkFiles({ config, drift, reinstall }: World): Promise<Finding[]> {
  if (config === undefined) return [];
  try {
    const lacks = (await drift()).filter(({ kind }) => kind !== "run").map(describeChange);
    if (lacks.length === 0) return [];
    const message = `its files are not what this version, and the config, want: ${lacks.join("; ")}`;
    return [warning("service", message, INSTALL, again(reinstall))];
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
  return [warning("service", `it runs version ${version}, this is ${VERSION}`, INSTALL, again(reinstall))];
}

async function whyNot(path: string, mode: number): Promise<string | undefined> {
  try {
    await access(path, mode);
    return undefined;
  } catch (error) {
    return systemCode(error) ?? String(error);
  }
}

function again(apply: () => Promise<void>): Fix {
  return { describe: "install the service again", apply };
}
