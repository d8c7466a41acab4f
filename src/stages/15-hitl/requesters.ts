/** Who is asked. */
import type { HitlDecision, HitlRequest } from "../../contract/host.ts";
import { fields } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

/** A person's answer; null for none. May wait as long as it likes: the stage keeps the time. */
export type Requester = (request: HitlRequest, call: Call) => Promise<HitlDecision | null>;

const approveAll = defineStrategy<Requester>()({ about: "Approves everything.", config: fields({}), create: () => async () => "approve" });

// Without the host's part it gives no decision: to fall back to "null", which approves, would open what was to be guarded.
const callback = defineStrategy<Requester>()({
  about: "Asks the host's `approve`. A host without one gives no decision.",
  config: fields({}),
  create:
    (_config, { host }) =>
    async (request, call) =>
      (await host.approve?.(request, call)) ?? null,
});

const pipeline_resume = defineStrategy<Requester>()({
  about: "Waits until `pipeline.resume(token, decision)` answers.",
  config: fields({}),
  create:
    (_config, { approvals }) =>
    (request, call) =>
      approvals.wait(request, call.signal),
});

export const requesters = { null: approveAll, callback, pipeline_resume };
