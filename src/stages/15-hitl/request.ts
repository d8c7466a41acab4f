/** Requests, from what tools and hosts hand in. */
import type { HitlRequest } from "../../contract/host.ts";
import { isObject } from "../../contract/schema.ts";

const SEVERITIES = ["info", "warn", "error"] as const;

const textOf = (value: unknown): string => (value === null || value === undefined ? "" : String(value));

/** A request made whole, or null when it is no object. An unknown severity is "warn"; `token` makes one where there is none. */
export const asRequest = (given: unknown, token: () => string, now: string): HitlRequest | null => {
  if (!isObject(given)) return null;
  const severity = textOf(given.severity).toLowerCase();
  return {
    token: textOf(given.token) || token(),
    reason: textOf(given.reason),
    severity: SEVERITIES.find((known) => known === severity) ?? "warn",
    tool_call_id: textOf(given.tool_call_id),
    payload: isObject(given.payload) ? given.payload : {},
    created_at: textOf(given.created_at) || now,
  };
};
