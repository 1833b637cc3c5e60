import { type Check, fine, note, problem, warning } from "./finding.ts";

/** A daemon that has just started. */
const PASSING = new Set(["DAEMON_STARTING"]);

/** What `status` says is wrong: config, daemon, repos, caches. */
export const checkState: Check = async ({ report, config, paths, service }) => {
  if (config === undefined || report === undefined) return [];
  const { daemon, edges, problems } = report;
  const found = [fine("config", `${paths.config}: ${config.registry.repos.length} repos`)];
  if (!daemon.running) {
    const isInstalled = service !== undefined && service.state.files.length > 0;
    const remedy = isInstalled
      ? "Start it: `state-syncd service start`."
      : "Run `state-syncd service install`, or `state-syncd run` to see it work.";
    found.push(problem("daemon", "none runs: changes do not travel by themselves", remedy));
  } else if (!problems.some(({ code }) => code.startsWith("DAEMON_"))) {
    const proof = daemon.provenAt === null ? "" : ", proven by a save of its own";
    found.push(fine("daemon", `version ${daemon.version}, pid ${daemon.pid ?? "?"}${proof}`));
  }
  const seen = new Set<string>();
  const faults = [...problems, ...edges.flatMap(({ error }) => (error === null ? [] : [error]))];
  for (const { code, message, remedy, repo } of faults) {
    if (code === "DAEMON_NOT_RUNNING" || seen.has(code + message)) continue;
    seen.add(code + message);
    const about =
      repo ?? (code.startsWith("DAEMON_") ? "daemon" : code.startsWith("CONFIG_") ? "config" : "state");
    found.push(
      PASSING.has(code) ? note(about, message, remedy) : problem(about, `${message} (${code})`, remedy),
    );
  }
  const behind = edges.filter(({ status, error }) => status !== "fresh" && error === null);
  if (behind.length > 0 && daemon.running) {
    const [first] = behind;
    const example = first === undefined ? "" : `, ${first.from} -> ${first.to} for one`;
    found.push(
      warning(
        "state",
        `${behind.length} of ${edges.length} edges are not fresh${example}`,
        `\`state-syncd explain ${first?.from ?? ""}\` tells why.`,
      ),
    );
  }
  return found;
};
