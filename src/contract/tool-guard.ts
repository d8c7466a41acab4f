/** Which tools may run: `allowed` null is every tool, and `blocked` wins. */
import type { State } from "./state.ts";

export const permits = (tools: State["toolGuard"], name: string): boolean =>
  tools === null || (!tools.blocked.includes(name) && (tools.allowed === null || tools.allowed.includes(name)));

/** Both must permit. */
export const both = (a: State["toolGuard"], b: State["toolGuard"]): State["toolGuard"] => {
  if (a === null || b === null) return a ?? b;
  const allowed = a.allowed === null ? b.allowed : a.allowed.filter((name) => b.allowed === null || b.allowed.includes(name));
  return { allowed, blocked: [...new Set([...a.blocked, ...b.blocked])] };
};
