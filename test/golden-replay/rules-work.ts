/** Rules for what follows the answer: tools, agents, verdicts, the loop, and the stages that finish a turn. */
import type { RunDifference } from "./differences.ts";
import type { Event, Recording } from "./recording.ts";
import { chosen, earlier, emits, isActive, mapCalls, sets, stageConfig, withState } from "./rewrite.ts";

const tools = emits("tool.execute_complete");
const RESULTS = ["requests.messages.content", "calls.final_state.messages.content"];
const limitOf = (r: Recording): number => {
  const loop = (r.scenario.build.with ?? []).findLast(([method]) => method === "with_loop")?.[1].max_turns;
  return Number(loop ?? r.scenario.build.args?.max_turns ?? stageConfig(r, "loop", "max_turns") ?? 0);
};
/** Tokens that a call had used when the event came. */
const usedBefore = (r: Recording, at: number): number =>
  r.events
    .slice(0, at)
    .filter((e) => e.type === "token.tracked" && e.call === r.events[at]?.call)
    .reduce((sum, { data }) => sum + Number(data.input_tokens) + Number(data.output_tokens), 0);
const ends = (e: Event): boolean => e.type === "loop.complete" || (e.type === "stage.bypass" && e.stage === "loop");

export const workRules: readonly RunDifference[] = [
  {
    rule: "calls of the last pass are not run",
    why: "Nobody would read their results; the model is told to report in the pass before.",
    covers: (r) => r.events.some((e) => e.type === "loop.force_complete" && e.data.reason === "max_iterations"),
    diverges: (e, _, r) => e.type === "tool.execute_start" && e.iteration + 1 >= Number(r.result.calls[e.call]?.final_state.max_iterations),
  },
  {
    rule: "a tool that a stage may not run is denied, and the turn goes on",
    why: "The model can do something else; the whole run failed.",
    covers: sets("tool_binding"),
    diverges: (e) => e.type === "stage.error" && e.stage === "tool",
  },
  {
    rule: "a tool that a guard blocks does not run",
    why: "The guard was asked before the model and saw no call.",
    covers: (r) => tools(r) && (r.scenario.setup ?? []).some((s) => s.op === "chain_add" && s.impl === "permission"),
    excuses: [...RESULTS, "events.tool.call_complete.data.is_error", "events.tool.execute_complete.data.errors", "tool_calls_received"],
  },
  {
    rule: "a large result is cut, also without a folder for it",
    why: "It was sent whole, above the tool's own limit.",
    covers: (r) =>
      tools(r) &&
      !sets("tool_context")(r) &&
      r.tools.some((t) =>
        t.results.some(
          (x) => typeof x.content === "string" && x.content.length * (x.repeat ?? 1) > (t.capabilities?.max_result_chars ?? 100_000),
        ),
      ),
    excuses: [...RESULTS, "events.tool_review.flag.data", "calls.final_state.shared.tool_review_flags"],
  },
  {
    rule: "messages that a tool adds are added",
    why: "They were accepted and dropped.",
    covers: (r) => r.tools.some((t) => t.results.some((x) => x.new_messages)),
    excuses: ["requests.messages", "events.api.request.data.message_count", "calls.final_state.messages"],
  },
  {
    rule: "partition keeps the model's order",
    why: "Only calls that stand side by side run side by side: a read after a write must see the write.",
    covers: (r) => chosen(r, "tool", "executor") === "partition",
    events: ["tool.call_start", "tool.call_complete"],
  },
  {
    rule: "reviewers see the calls that ran",
    why: "They looked under keys that no call has, after the calls were cleared.",
    covers: emits("tool_review.completed"),
    events: ["tool_review.flag"],
    excuses: [
      "events.tool_review.completed.data.tool_calls",
      "events.tool_review.completed.data.flags",
      "calls.final_state.shared.tool_review_flags",
    ],
  },
  {
    rule: "max_delegations is kept",
    why: "It was accepted and never used.",
    covers: (r) => r.events.some((e) => Number(e.data.delegate_count) > Number(stageConfig(r, "agent", "max_delegations") ?? 4)),
    diverges: (e) => e.type === "agent.orchestrate_complete",
  },
  {
    rule: "the model reads what agents answered",
    why: "The loop ended with their answers unread.",
    covers: (r) => r.events.some((e) => Number(e.data.sub_result_count) > 0),
    diverges: (e, i, r) => ends(e) && Number(earlier(r, i, "agent.orchestrate_complete")?.data.sub_result_count ?? 0) > 0,
  },
  {
    rule: "a retry is a retry",
    why: "The verdict was lost on the loop; now the model gets the feedback and tries again.",
    covers: (r) => r.events.some((e) => e.type === "evaluate.complete" && e.data.decision === "retry"),
    diverges: (e, i, r) => ends(e) && earlier(r, i, "evaluate.complete")?.data.decision === "retry",
  },
  {
    rule: "binary_classify sees that tools ran",
    why: "Their calls were already cleared, so the turn ended as easy with the results unread.",
    covers: (r) => tools(r) && emits("evaluate.complete")(r),
    diverges: (e, i, r) =>
      e.type === "evaluate.complete" && e.data.decision === "complete" && earlier(r, i, "tool.execute_complete") !== undefined,
  },
  {
    rule: "feedback is in our own words",
    why: "The recording holds the other program's prose.",
    covers: emits("evaluate.complete"),
    excuses: ["calls.final_state.evaluation_feedback", "events.evaluate.complete.data.feedback"],
  },
  {
    rule: "results are read, also without a loop stage",
    why: "The run ended right after the tools.",
    covers: (r) => tools(r) && !isActive(r, "loop"),
    diverges: (e, i, r) => e.type === "stage.bypass" && e.stage === "loop" && earlier(r, i, "tool.execute_complete") !== undefined,
  },
  {
    rule: "the signal continue goes on",
    why: "Without tools it ended the turn.",
    covers: (r) => r.events.some((e) => e.type === "loop.complete" && e.data.signal === "continue"),
    diverges: (e, _, r) =>
      e.type === "loop.complete" &&
      e.data.signal === "continue" &&
      e.data.upstream_decision === "continue" &&
      !JSON.stringify(stageConfig(r, "loop", "early_stop_on") ?? []).includes('"continue"'),
  },
  {
    rule: "max_turns ends a tool loop",
    why: "It was looked at only while calls were pending, which a tool stage prevents.",
    covers: (r) => limitOf(r) > 0,
    diverges: (e, _, r) => e.type === "loop.continue" && limitOf(r) > 0 && e.iteration + 1 >= limitOf(r),
  },
  {
    rule: "a loop's token budget looks at the next request",
    why: "It compared all tokens of the session with the window, which a long session exceeds for good.",
    covers: (r) => chosen(r, "loop", "controller") === "budget_aware",
    diverges: (e, i, r) =>
      e.type === "loop.complete" &&
      e.data.has_tool_results === true &&
      usedBefore(r, i) >= 0.85 * Number(r.manifest?.pipeline.context_window_budget ?? 200_000),
  },
  {
    rule: "only what took the text is listed as emitted",
    why: "A channel that failed, or that nobody listens to, was listed too.",
    covers: emits("emit.complete"),
    excuses: ["events.emit.complete.data.channels_emitted", "events.emit.complete.data.all_emitted"],
  },
  {
    rule: "one bad insight does not lose the good ones",
    why: "All were dropped.",
    covers: emits("memory.insight_invalid"),
    events: ["memory.insight_recorded", "memory.structured_reflection_done"],
  },
  {
    rule: "the grade of a fixed importance is its config's",
    why: "It was accepted and never used.",
    covers: (r) => (r.manifest?.stages ?? []).some((s) => s.name === "summarize" && s.strategy_configs?.importance?.grade !== undefined),
    excuses: [
      "events.summary.written.data.importance",
      "calls.final_state.shared.turn_summary.importance",
      "calls.final_state.shared.summary_history.importance",
    ],
  },
  {
    rule: "turn ids differ",
    why: "They were made of the iteration, which a session repeats.",
    covers: (r) => r.scenario.calls.length > 1 && emits("summary.written")(r),
    excuses: [
      "events.summary.written.data.turn_id",
      "events.summary.provider_recorded.data.turn_id",
      "events.summary.session_closed.data.chars",
      "calls.final_state.shared.turn_summary.turn_id",
      "calls.final_state.shared.summary_history.turn_id",
      "callbacks.record_summary.turn_id",
      "callbacks.write_summary",
    ],
  },
  {
    rule: "every_n_turns counts turns",
    why: "It counted passes, so that a session of plain answers was saved at every turn.",
    covers: (r) => r.manifest?.stages.find((s) => s.name === "persist")?.strategies?.frequency === "every_n_turns",
    events: ["checkpoint.written", "checkpoint.skipped"],
    excuses: ["calls.final_state.shared", "files"],
  },
];
export const builtRules: readonly RunDifference[] = [
  {
    rule: "the builder takes the manifest's names for caches",
    why: "The name system_cache meant no cache at all.",
    covers: (r) =>
      (r.scenario.build.with ?? []).some(([method, { strategy }]) => method === "with_cache" && String(strategy).endsWith("_cache")),
    diverges: (e) => e.type === "stage.bypass" && e.stage === "cache",
  },
  {
    rule: "the large presets have all stages",
    why: "A preset is a place to start from; a stage without work is passed by.",
    covers: (r) => r.scenario.build.kind === "preset" && r.result.describe !== undefined,
    excuses: ["describe.tool", "describe.agent", "describe.emit"],
  },
  {
    rule: "the vtuber preset emits",
    why: "Its emitters were described and not installed.",
    covers: (r) => r.scenario.build.name === "geny_vtuber",
    rewrite: (r) => ({
      ...mapCalls(r, (call) => {
        const history: readonly unknown[] = Array.isArray(call.final_state.stage_history) ? call.final_state.stage_history : [];
        return withState(call, { stage_history: history.flatMap((name) => (name === "memory" ? ["emit", name] : [name])) });
      }),
      events: r.events.flatMap((e) =>
        e.type === "stage.bypass" && e.stage === "emit"
          ? (["stage.enter", "emit.start", "emit.complete", "stage.exit"] as const).map((type) => ({ ...e, type, data: {} }))
          : [e],
      ),
    }),
    excuses: ["calls.final_state.metadata"],
  },
];

export const laterRules: readonly RunDifference[] = [
  {
    rule: "presets with memory belong to a later part",
    why: "GenyPresets need a memory provider.",
    covers: (r) => r.scenario.build.kind === "geny_preset",
    all: true,
  },
  {
    rule: "permission rules belong to a later part",
    why: "Rules that a host gives are checked where hooks are.",
    covers: sets("permission"),
    excuses: [...RESULTS, "events.tool.call_complete.data.is_error", "events.tool.execute_complete.data.errors", "tool_calls_received"],
  },
  {
    rule: "memory providers belong to a later part",
    why: "Recall and record go through the memory that comes with sessions.",
    covers: sets("memory_provider", "reflecting_provider"),
    events: [
      "context.built",
      "memory.turn_recorded",
      "memory.provider_recorded",
      "memory.execution_recorded",
      "memory.insight",
      "memory.promoted",
    ],
    excuses: ["calls.final_state.memory_refs", "calls.final_state.metadata", "callbacks", "files"],
  },
];
