/** What a host did before the first call of a recording, done by our own public means. */
import { join } from "node:path";
import type { Json, PromptBlock } from "geny-executor";
import { append, choose, type Draft, edit, own, stageAt, throwing } from "./draft.ts";
import { answer, approver, criterion, delegating, inTurn, never } from "./hosts.ts";
import { promptBlocks } from "./prompt-blocks.ts";
import type { Setup, Setups } from "./recording.ts";

/** Dimension → its recorded keys → ours. */
const DIMENSIONS: Record<string, Record<string, string>> = {
  cost: { max_usd: "max_cost_usd", threshold_ratio: "cost_threshold_ratio" },
  tokens: { max_tokens: "max_tokens", threshold_ratio: "token_threshold_ratio" },
  iteration: { max_iterations: "max_iterations" },
  tool_calls: { max_calls: "max_tool_calls" },
  wall_clock: { max_seconds: "max_seconds" },
};
const CHUNK = { key: "", content: "", source: "", relevance_score: 0, metadata: {} };
const AGENT = {
  description: "",
  allowed_tools: [],
  provider: null,
  model_override: null,
  parallel: false,
  max_concurrent: 1,
  extras: {},
};

const OPS: { readonly [K in keyof Setups]: (draft: Draft, setup: Setups[K]) => void } = {
  set_strategy: (draft, { stage, slot, impl, config }) => choose(draft, stage, slot, impl, config),
  construct: (draft, { stage, slot, impl, kwargs }) => choose(draft, stage, slot, impl, kwargs),
  chain_add: (draft, { stage, chain, impl, config }) => append(draft, stage, chain, impl, config),
  stage_config: (draft, { stage, config }) => edit(draft, stage, (entry) => ({ config: { ...entry.config, ...config } })),
  model_override: (draft, { stage, config }) => edit(draft, stage, () => ({ model_override: config })),
  tool_binding: (draft, { stage, allowed = null, blocked = null }) =>
    edit(draft, stage, () => ({ tool_binding: { stage_order: stage, allowed, blocked, extra_context: {} } })),
  composable(draft, { stage, blocks, separator, use_content_blocks }) {
    choose(draft, stage, "builder", "composable");
    draft.host.promptBlocks = {
      blocks: promptBlocks(blocks),
      ...(separator === undefined ? {} : { separator }),
      ...(use_content_blocks === undefined ? {} : { asContentBlocks: use_content_blocks }),
    };
  },
  dynamic_persona(draft, { stage, resolutions, tail_blocks = [] }) {
    choose(draft, stage, "builder", "dynamic_persona");
    const ending: readonly PromptBlock[] = promptBlocks(tail_blocks);
    const next = inTurn(resolutions);
    draft.host.persona = () => {
      const { blocks = [], tail, cache_key } = next() ?? {};
      return {
        blocks: [...promptBlocks(blocks), ...ending],
        ...(tail === undefined ? {} : { tail }),
        ...(cache_key === undefined ? {} : { cacheKey: cache_key }),
      };
    };
  },
  static_retriever(draft, { stage, chunks }) {
    choose(draft, stage, "retriever", "static");
    draft.host.chunks = chunks.map((chunk) => ({ ...CHUNK, ...chunk }));
  },
  llm_compactor: (draft, { stage, keep_recent }) => choose(draft, stage, "compactor", "llm_summary", { keep_recent }),
  criteria(draft, { stage, criteria, pass_threshold }) {
    choose(draft, stage, "strategy", "criteria_based", pass_threshold === undefined ? {} : { pass_threshold });
    draft.host.criteria = criteria.map(criterion);
  },
  eval_chain: (draft, { stage, evaluators }) => choose(draft, stage, "strategy", "evaluation_chain", { evaluators }),
  emit_callback(draft, { stage, impl, raise }) {
    append(draft, stage, "emitters", impl);
    const callback = (...args: unknown[]) => {
      draft.callbacks.push({ emitter: impl, args: impl === "callback" ? ["<state>"] : args });
      if (raise) throw new Error("scripted emitter");
    };
    draft.host.emitters = { ...draft.host.emitters, [impl]: callback };
  },
  hitl_callback(draft, { stage, decisions }) {
    choose(draft, stage, "requester", "callback");
    draft.host.approve = approver(decisions, draft);
  },
  hitl_resume(draft, { stage, decision, bad = [] }) {
    choose(draft, stage, "requester", "pipeline_resume");
    draft.ready = (pipeline) => void pipeline.on("hitl.request", () => setImmediate(() => answer(pipeline, decision, bad, draft)));
  },
  dimensions(draft, { stage, dimensions }) {
    const config: { [key: string]: Json } = { dimensions: dimensions.map((d) => d.kind) };
    for (const { kind, clock, ...rest } of dimensions) {
      draft.clock = clock ?? draft.clock;
      for (const [key, value] of Object.entries(rest)) config[DIMENSIONS[kind]?.[key] ?? key] = value;
    }
    choose(draft, stage, "controller", "multi_dim_budget", config);
  },
  task_executor(draft, { stage, impl, kwargs, results }) {
    choose(draft, stage, "policy", impl, kwargs);
    draft.host.executeTask = async (task, { signal }) => {
      const { result = null, raise, sleep } = results[String(task.task_id ?? task.id)] ?? {};
      if (raise) throw new Error(raise);
      return sleep ? await never(signal) : result;
    };
  },
  delegate(draft, { stage, agents, evaluator }) {
    choose(draft, stage, "orchestrator", evaluator ? "evaluator" : "delegate");
    draft.host.delegate = delegating(new Map(Object.entries(agents).map(([type, script]) => [type, { script }])), draft);
  },
  subagents(draft, { stage = 12, types }) {
    choose(draft, stage, "orchestrator", "subagent_type");
    const described = types.map(
      ({ agent_type, script = [], factory_raises, ...more }) =>
        [agent_type, { script, metadata: { ...AGENT, ...more }, fails: factory_raises }] as const,
    );
    draft.host.delegate = delegating(new Map(described), draft);
    const known = new Map(described.map(([type, { metadata }]) => [type, metadata]));
    draft.host.agentType = (type) => known.get(type) ?? null;
  },
  tool_context(draft) {
    draft.storagePath = draft.dir;
  },
  file_persister: (draft, { stage }) => choose(draft, stage, "persister", "file", { base_dir: join(draft.dir, "checkpoints") }),
  memory_file: (draft, { stage }) => choose(draft, stage, "persistence", "file", { base_dir: join(draft.dir, "memory") }),
  session_runtime(draft, { fail = [] }) {
    const failing = (what: string) => {
      if (fail.includes(what)) throw new Error(`scripted ${what} failure`);
    };
    // 2.1.0 wrote the session's summary after every turn; ours does so when it is told to.
    edit(draft, 19, (entry) => ({ config: { ...entry.config, session_summary: "every_turn" } }));
    draft.host.summaries = {
      async record(summary) {
        failing("record");
        draft.callbacks.push({ record_summary: summary });
      },
      async session(markdown) {
        failing("write");
        draft.callbacks.push({ write_summary: markdown });
      },
    };
  },
  raising(draft, { stage, slot, method, message }) {
    const entry = draft.stages.find((e) => e.order === stage);
    own(draft, stage, slot, entry?.strategies?.[slot] ?? stageAt(draft, stage).slots[slot].default, throwing(message, method));
    // The strategy that throws takes no config.
    edit(draft, stage, ({ strategy_configs: { [slot]: _, ...rest } = {} }) => ({ strategy_configs: rest }));
  },
  recover(draft, { stage }) {
    const found = stageAt(draft, stage);
    draft.definitions[found.name] = { ...found, recover: () => ({}) };
  },
  bad_router(draft, { stage }) {
    own(draft, stage, "router", "bad", throwing("scripted router crash"));
    choose(draft, stage, "router", "bad");
  },
  bad_reviewer(draft, { stage }) {
    own(draft, stage, "reviewers", "bad", throwing("scripted reviewer crash", "review"));
    const { default: order } = stageAt(draft, stage).slots.reviewers;
    edit(draft, stage, (entry) => ({ chain_order: { ...entry.chain_order, reviewers: [...order, "bad"] } }));
  },
  warn_guard(draft, { stage }) {
    own(draft, stage, "guards", "warner", () => () => ({ passed: false, action: "warn", message: "careful" }));
    append(draft, stage, "guards", "warner");
  },
  // Our stage 8 asks its planner by itself.
  planner: () => {},
  // These belong to parts that are not here yet; a listed difference says so, and the rest of the recording is still compared.
  permission: () => {},
  memory_provider: () => {},
  reflecting_provider: () => {},
};

/** Throws for an op that nobody has written: a recording is never replayed in part without a word. */
export const setUp = (draft: Draft, setups: readonly Setup[] = []): void => {
  for (const setup of setups) {
    const op: ((draft: Draft, setup: never) => void) | undefined = OPS[setup.op];
    if (!op) throw new Error(`The set-up "${setup.op}" is not known here.`);
    op(draft, setup as never);
  }
};
