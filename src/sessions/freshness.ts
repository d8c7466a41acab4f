/** How fresh a session is, by its age, its idle time and its length. What to do about it is the host's choice. */

/** Times in milliseconds. A time counts as over when it is exceeded, a number of messages when it is reached. */
export interface FreshnessPolicy {
  /** Default 1800000: half an hour. */
  readonly idleTimeoutMs: number;
  /** Default 1200000: twenty minutes. */
  readonly warnThresholdMs: number;
  /** Default 100. */
  readonly compactMessageCount: number;
  /** Default 500. */
  readonly resetMessageCount: number;
  /** Default 14400000: four hours. */
  readonly maxAgeMs: number;
}
const MINUTE = 60_000;
export const FRESHNESS: FreshnessPolicy = {
  idleTimeoutMs: 30 * MINUTE,
  warnThresholdMs: 20 * MINUTE,
  compactMessageCount: 100,
  resetMessageCount: 500,
  maxAgeMs: 240 * MINUTE,
};

export type Freshness = "fresh" | "stale_warn" | "stale_idle" | "stale_compact" | "stale_reset";

/** The gravest state that applies: too old or far too long, then too long, then idle, then soon idle. */
export const freshnessOf = (
  { ageMs, idleMs, messages }: { ageMs: number; idleMs: number; messages: number },
  policy = FRESHNESS,
): Freshness => {
  if (ageMs > policy.maxAgeMs || messages >= policy.resetMessageCount) return "stale_reset";
  if (messages >= policy.compactMessageCount) return "stale_compact";
  if (idleMs > policy.idleTimeoutMs) return "stale_idle";
  return idleMs > policy.warnThresholdMs ? "stale_warn" : "fresh";
};

/** What a state of freshness asks for. */
export const adviceOf = (
  freshness: Freshness,
): { readonly shouldRevive: boolean; readonly shouldCompact: boolean; readonly shouldReset: boolean } => ({
  shouldRevive: freshness === "stale_idle",
  shouldCompact: freshness === "stale_compact",
  shouldReset: freshness === "stale_reset",
});
