import type { EdgeStatus } from "../../src/core/health.ts";

const ALL: Readonly<Record<EdgeStatus, true>> = {
  fresh: true,
  stale: true,
  missing: true,
  damaged: true,
  held: true,
  blocked: true,
  failed: true,
};

export const EDGE_STATUSES = Object.keys(ALL).filter((status): status is EdgeStatus => status in ALL);
