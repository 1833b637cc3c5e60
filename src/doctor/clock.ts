import { type Check, type Finding, warning } from "./finding.ts";

/** Clocks of file servers and of this machine differ by seconds; more is a clock that is wrong. */
const TOLERANCE_MS = 120_000;

/** Whether anything comes from the future: then this clock was set back, or another one is wrong. */
export const checkClock: Check = async ({ report, now }) => {
  if (report === undefined) return [];
  const ahead = (iso: string | null): boolean => iso !== null && Date.parse(iso) > now + TOLERANCE_MS;
  const here = new Date(now).toISOString();
  const remedy =
    "Set the clock (`timedatectl` tells whether it is kept). Nothing is lost by it: contents are compared, not times; ages are wrong.";
  const found: Finding[] = [];
  for (const { name, stateFile } of report.repos) {
    if (ahead(stateFile.changedAt))
      found.push(
        warning(
          "clock",
          `${name}'s state file was changed at ${stateFile.changedAt ?? ""}, and here it is ${here}`,
          remedy,
        ),
      );
  }
  const late = report.edges.find(({ syncedAt }) => ahead(syncedAt));
  if (late !== undefined)
    found.push(
      warning(
        "clock",
        `${late.to}'s section of ${late.from} was written at ${late.syncedAt ?? ""}, and here it is ${here}`,
        remedy,
      ),
    );
  return found;
};
