/** How long the answer may take, and what holds when there is none. */
import type { HitlDecision } from "../../contract/host.ts";
import { fields, number } from "../../contract/schema.ts";
import { defineStrategy } from "../../contract/strategy.ts";
import type { Timeout } from "../decision.ts";

const indefinite = defineStrategy<Timeout>()({
  about: "Waits without a limit. No decision cancels.",
  config: fields({}),
  create: () => ({ seconds: null, verdict: "cancel" }),
});

const after = (verdict: HitlDecision, about: string) =>
  defineStrategy<Timeout>()({
    about,
    config: fields({ timeout_seconds: number({ about: "seconds to wait, more than 0", default: 60 }) }),
    create: ({ timeout_seconds }) => {
      if (timeout_seconds <= 0) throw new RangeError("timeout_seconds must be more than 0");
      return { seconds: timeout_seconds, verdict };
    },
  });

export const timeouts = {
  indefinite,
  auto_approve: after("approve", "Approves when no decision came in time."),
  auto_reject: after("reject", "Rejects when no decision came in time."),
};
