import { peersOf, type Registry, type Repo, targetsOf } from "./registry.ts";

/** Why no repo receives this one's state; undefined where one does. */
export function whyNoTargets(registry: Registry, from: Repo): string | undefined {
  if (targetsOf(registry, from).length > 0) return undefined;
  if (!from.publish) return "it does not publish (`publish: false`)";
  return alone(registry, from) ?? `nobody else subscribes in ${groupsOf(from)}`;
}

/** Why a repo reads no other one's state; undefined where it reads one. */
export function whyNoPeers(registry: Registry, to: Repo): string | undefined {
  if (peersOf(registry, to).length > 0) return undefined;
  if (!to.subscribe) return "it does not subscribe (`subscribe: false`)";
  return alone(registry, to) ?? `nobody else publishes in ${groupsOf(to)}`;
}

function alone({ repos }: Registry, repo: Repo): string | undefined {
  const others = repos.filter(
    ({ name, role, groups }) =>
      name !== repo.name && role === "execution" && groups.some((group) => repo.groups.includes(group)),
  );
  return others.length === 0 ? `it is the only repo in ${groupsOf(repo)}` : undefined;
}

function groupsOf({ groups }: Repo): string {
  return `its ${groups.length === 1 ? "group" : "groups"} ${groups.join(", ")}`;
}
