import { APIError, type ErrorCategory, type Message, type SystemPrompt, type ToolSpec } from "geny-executor";
import { retries } from "../../../src/stages/06-api/retry.ts";
import { routers } from "../../../src/stages/06-api/router.ts";
import { testServices } from "../../../src/testing/run-stage.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

/** Long texts are recorded as "<800 chars>". */
const restored = (value: unknown): unknown => {
  if (typeof value === "string") {
    const length = /^<(\d+) chars>$/.exec(value)?.[1];
    return length === undefined ? value : "c".repeat(Number(length));
  }
  if (Array.isArray(value)) return value.map(restored);
  return value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, restored(v)])) : value;
};

export const replay = async (vector: Vector): Promise<unknown> => {
  if (vector.call === "route") return routed(vector);
  if (vector.call === "should_retry") return retried(vector);
  return delayed(vector);
};

const routed = (vector: Vector): unknown => {
  let router: ReturnType<typeof made<typeof routers>>;
  try {
    router = made(routers, vector, testServices());
  } catch {
    return { raises: "ValueError" };
  }
  if ("refused" in router) return router;
  const { state, model_config } = restored(vector.input) as {
    state: { system?: SystemPrompt; messages: Message[]; tools?: ToolSpec[] };
    model_config: { thinking_enabled?: boolean };
  };
  const request = { system: "", systemVolatile: "", tools: [], ...state, thinkingEnabled: model_config.thinking_enabled ?? false };
  const model = router.fn(request, call);
  // The stage itself leaves out a change to the model that is set.
  return { model: model === "claude-sonnet-4-6" ? null : (model ?? null) };
};

const retried = (vector: Vector): unknown => {
  const retry = made(retries, vector, testServices());
  if ("refused" in retry) return retry;
  const { category, attempts } = vector.input as { category: ErrorCategory; attempts: number[] };
  const error = new APIError("failed", { category });
  return {
    should_retry: attempts.map((attempt) => retry.fn(error, attempt, call) !== undefined),
    max_retries: "max_retries" in retry.config ? retry.config.max_retries : 0,
  };
};

/** The recorded function gives a delay for any attempt, also beyond the last. */
const delayed = (vector: Vector): unknown => {
  const endless = { ...vector, constructor_: { ...vector.constructor_, max_retries: 99 } };
  const {
    attempt = 0,
    jitter_position = 0,
    set_retry_after_before_call: waits,
  } = vector.input as {
    attempt?: number;
    jitter_position?: number;
    set_retry_after_before_call?: (number | null)[];
  };
  const retry = made(retries, endless, testServices({ random: () => (jitter_position + 1) / 2 }));
  if ("refused" in retry) return retry;
  const delay = (retryAfter: number | null) => retry.fn(new APIError("failed", { category: "rate_limited", retryAfter }), attempt, call);
  return waits ? { delays: waits.map(delay) } : { delay: delay(null) };
};

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "api.prompt_blocks_count",
    why: "better on purpose: a prompt in blocks is as long as the same prompt in one text; 2.1.0 counted it as nothing",
    covers: ({ strategy, input }) => strategy === "adaptive" && Array.isArray((input as { state?: { system?: unknown } }).state?.system),
  },
];
