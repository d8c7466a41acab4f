/** Whether the backend may run a tool of its own: a person decides, asked as stage 15 asks. */
import type { HitlRequest } from "../../contract/host.ts";
import type { Services } from "../../contract/services.ts";
import type { PendingToolCall } from "../../contract/state.ts";
import type { Call } from "../../contract/strategy.ts";
import { type Decided, decide } from "../decision.ts";
import { persons } from "../requesters.ts";

export interface PermissionEntry {
  readonly request: HitlRequest;
  readonly decided: Decided;
  /** ISO 8601. */
  readonly at: string;
}
/** Without an answer, and without anybody who could give one, the tool does not run. Rejects on abort only. */
export type Permission = (
  asked: PendingToolCall,
  call: Call,
  remember: (entry: PermissionEntry) => void,
) => Promise<{ readonly allow: boolean; readonly reason: string }>;

export interface PermissionSettings {
  readonly requester: keyof typeof persons;
  /** Seconds; 0: no limit. */
  readonly timeout: number;
}

export const permissionOf = ({ requester, timeout }: PermissionSettings, provider: string, services: Services): Permission => {
  const ask = persons[requester].create({}, services);
  return async (asked, call, remember) => {
    const now = () => new Date(services.clock.now()).toISOString();
    const { tool_use_id, tool_name, tool_input } = asked;
    const request: HitlRequest = {
      token: services.id(),
      reason: `${provider} wants to run its tool "${tool_name}".`,
      severity: "warn",
      tool_call_id: tool_use_id,
      payload: { provider, tool_name, tool_input },
      created_at: now(),
    };
    const decided = await decide(request, {
      ...{ requester: ask, name: requester, clock: services.clock, call },
      timeout: { seconds: timeout || null, verdict: "reject" },
    });
    remember({ request, decided, at: now() });
    return { allow: decided.decision === "approve", reason: `"${tool_name}" was not run: ${WHY[decided.via] ?? "it was not approved."}` };
  };
};

const WHY: { readonly [via: string]: string } = {
  no_decision: "nobody can be asked for permission. The host may give `approve`, or answer by `pipeline.resume`.",
  timeout: "nobody gave permission in time.",
  requester_error: "asking for permission failed.",
};
