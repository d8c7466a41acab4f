/** The envelope of every event, and the events that the engine itself emits. Stages declare their own; the catalogue is the fold over all. */
import { fields, flag, int, type JsonObject, json, number, object, oneOf, text } from "./schema.ts";

export interface PipelineEvent<D = JsonObject> {
  readonly type: string;
  /** The stage that was running; empty outside of one. */
  readonly stage: string;
  readonly iteration: number;
  /** Rises by one with every event of the pipeline; a run sees a subsequence. */
  readonly seq: number;
  readonly run_id: string;
  readonly session_id: string;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly data: D;
}

const error = {
  error: text({ about: "the message" }),
  code: text({ about: "stable code, of the innermost failure" }),
  exception_type: text({ about: "class of the failure" }),
};
const usage = json({ about: "eight numbers on what the turn used", default: null });
const cost = number({ about: "US dollars; null when a model has no known price", default: null });

export const ENGINE_EVENTS = {
  "pipeline.start": fields({ input: text({ about: "the first 500 characters of the input" }) }),
  "pipeline.complete": fields({
    result: object({ about: "{ text, output }" }),
    iterations: int({ about: "passes of the loop" }),
    total_cost_usd: cost,
    usage,
  }),
  "pipeline.error": fields({ ...error, iterations: int({ about: "passes of the loop" }), total_cost_usd: cost, usage }),
  "pipeline.cancelled": fields({ iterations: int({ about: "passes of the loop" }), total_cost_usd: cost, usage }),
  "turn.salvaged": fields({
    reason: oneOf(["stopped", "failed"], { about: "why the turn broke" }),
    messages: int({ about: "messages kept of the turn" }),
  }),
  "stage.enter": fields({}),
  "stage.exit": fields({ duration_ms: number({ about: "milliseconds" }) }),
  "stage.bypass": fields({ reason: text({ about: "why there was nothing to do" }) }),
  "stage.error": fields({ ...error, recovered: flag({ about: "whether the stage mended it", default: false }) }),
  "loop.force_complete": fields({
    reason: oneOf(["max_iterations", "cost_budget"], { about: "the limit" }),
    iteration: int({ about: "passes done", default: null }),
    total_cost_usd: cost,
    budget_usd: cost,
  }),
  "config.override_applied": fields({
    field: text({ about: "the setting, or the part of the host" }),
    value: json({ about: "its value for this run; null for a part of the host" }),
    source: oneOf(["per_run", "mutation", "refresh"], { about: "who won over the manifest and what was attached" }),
  }),
  "runtime.llm_client_override": fields({
    manifest_provider: text({ about: "the provider that stage 6 asks for" }),
    client_provider: text({ about: "the one that answers in its place" }),
  }),
  "mutation.applied": fields({
    kind: text({ about: "the operation" }),
    target: text({ about: "what it changed: stage:N, stage:N.slot, model, pipeline" }),
    old_value: json({ about: "as it was" }),
    new_value: json({ about: "as it is" }),
  }),
  "mutation.undone": fields({ kind: text({ about: "the operation" }), target: text({ about: "what is again as it was" }) }),
  "events.dropped": fields({
    from: int({ about: "first sequence number that is gone" }),
    to: int({ about: "last sequence number that is gone" }),
  }),
} as const;
