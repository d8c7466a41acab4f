/** Who is asked for a decision, where a person may be. */
import type { HitlDecision, HitlRequest } from "../contract/host.ts";
import { fields } from "../contract/schema.ts";
import { type Call, defineStrategy } from "../contract/strategy.ts";

/** A person's answer; null for none. May wait as long as it likes: whoever asks keeps the time. */
export type Requester = (request: HitlRequest, call: Call) => Promise<HitlDecision | null>;

export const persons = {
  callback: defineStrategy<Requester>()({
    about: "Asks the host's `approve`. A host without one gives no decision.",
    config: fields({}),
    create:
      (_config, { host }) =>
      async (request, call) =>
        (await host.approve?.(request, call)) ?? null,
  }),
  pipeline_resume: defineStrategy<Requester>()({
    about: "Waits until `pipeline.resume(token, decision)` answers.",
    config: fields({}),
    create:
      (_config, { approvals }) =>
      (request, call) =>
        approvals.wait(request, call.signal),
  }),
};
