import { sep } from "node:path";
import { FaultError } from "../errors.ts";
import type { Confinement } from "./manager.ts";
import type { Program } from "./program.ts";
import { readTemplate } from "./template.ts";
import { ask } from "./tool.ts";
import { fillDropIn, fillUnit, isUnitPath, MARK, unitPath, unitWord } from "./unit.ts";

/** What the hardened service has beside its unit: the strict settings, and what has them follow the config. */
export interface HardenedFiles {
  readonly dropIn: string;
  readonly path: string;
  readonly job: string;
}

/**
 * @param program what the service runs; the job that follows the config is run the same way.
 * @throws FaultError SERVICE_FAILED where a unit cannot name a path.
 */
export async function hardenedFiles(program: Program, confinement: Confinement): Promise<HardenedFiles> {
  const settings = await readTemplate("systemd/hardened.conf");
  const path = await readTemplate("systemd/state-syncd-registry.path");
  const job = await readTemplate("systemd/state-syncd-registry.service");
  const config = program.args.slice(1);
  return {
    dropIn: fillDropIn(
      without(
        settings,
        closedBy([
          program.node,
          program.script,
          ...confinement.writes,
          ...confinement.reads,
          ...confinement.configs,
        ]),
      ),
      confinement.writes.map(writeLine),
    ),
    path: [
      MARK,
      "",
      path
        .slice(path.indexOf("["))
        .replace(/^PathChanged=.*$/m, () =>
          confinement.configs.map((file) => `PathChanged=${unitPath(file)}`).join("\n"),
        ),
    ].join("\n"),
    job: fillUnit(job, program, ["service", "refresh", ...config]),
  };
}

/**
 * Tries whether a user's manager may have namespaces here: some systems forbid it, and the service
 * would fail with 217, at each start.
 *
 * @throws FaultError SERVICE_UNSUPPORTED.
 */
export async function probeNamespaces(): Promise<void> {
  const settings = [
    "PrivateUsers=yes",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "PrivateDevices=yes",
  ];
  const args = [
    "--user",
    "--wait",
    "--quiet",
    "--collect",
    ...settings.map((setting) => `--property=${setting}`),
    "true",
  ];
  const { code, stderr } = await ask("systemd-run", args, 20_000);
  if (code === 0) return;
  const said = stderr.split("\n")[0];
  throw new FaultError(
    "SERVICE_UNSUPPORTED",
    `this system does not let a user's service be hardened: ${said || `exit code ${code}`}`,
    {
      remedy:
        "Allow unprivileged user namespaces, or install without `--hardened`: the base unit keeps the daemon from much already.",
    },
  );
}

/** A directory that is not there yet must not keep the service from starting. */
function writeLine(path: string): string {
  if (!isUnitPath(path))
    throw new FaultError("SERVICE_FAILED", `not a path that a unit can name: ${path}`, { path });
  return `ReadWritePaths=${unitWord(`-${path}`)}`;
}

/** Settings that would hide from the daemon what it is to read. */
function closedBy(needed: readonly string[]): string[] {
  const lies = (directory: string): boolean =>
    needed.some((path) => (path + sep).startsWith(directory + sep));
  return [
    ...(lies("/tmp") || lies("/var/tmp") ? ["PrivateTmp="] : []),
    ...(lies("/dev") ? ["PrivateDevices=", "DevicePolicy="] : []),
  ];
}

function without(settings: string, names: readonly string[]): string {
  return settings
    .split("\n")
    .filter((line) => !names.some((name) => line.startsWith(name)))
    .join("\n");
}
