/** The recorded passes of the tool stage, through stage, dispatcher and registry together. */
import assert from "node:assert/strict";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type JsonObject, type Logger, systemClock, type Tool, ToolExecutionError, type ToolResult } from "geny-executor";
import { createDispatcher, ToolRegistry } from "geny-executor/tools";
import { tool as stage } from "../../src/stages/10-tool.ts";
import { runStage } from "../../src/testing/run-stage.ts";
import { fits, golden, temporary } from "./recording.ts";

interface Behaviour {
  readonly kind: "echo" | "text" | "value" | "raise" | "failure" | "repeat" | "mutate" | "display" | "ctx";
  readonly content?: ToolResult["content"];
  readonly is_error?: boolean;
  readonly display_text?: string;
  readonly persist_full?: string;
  readonly delay_ms?: number;
  readonly type?: string;
  readonly message?: string;
  readonly code?: string;
  readonly details?: JsonObject;
  readonly char?: string;
  readonly n?: number;
  readonly mutations?: JsonObject;
}
interface ToolSpecimen {
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly schema?: JsonObject;
  readonly capabilities?: { readonly concurrency_safe?: boolean; readonly max_result_chars?: number };
}
interface Case {
  readonly id: string;
  readonly tools?: readonly ToolSpecimen[];
  readonly calls: readonly { readonly tool_use_id: string; readonly tool_name: string; readonly tool_input?: JsonObject }[];
  readonly hooks?: unknown;
  readonly context?: { readonly storage?: boolean; readonly permission_rules?: unknown; readonly permission_mode?: string };
  readonly binding?: { readonly allowed?: readonly string[]; readonly blocked?: readonly string[] };
  readonly executor?: string;
  readonly max_concurrency?: number;
  readonly expect: { readonly [key: string]: unknown };
}
interface Rule {
  readonly why: string;
  covers(recorded: Case): boolean;
}

const behaviours = (recorded: Case) => (recorded.tools ?? []).map((tool) => tool.behaviour);
const LATER: Rule = {
  why: "permissions and hooks plug in at `authorize`, and are replayed where they are built",
  covers: (c) => c.hooks !== undefined || c.context?.permission_rules !== undefined || c.context?.permission_mode !== undefined,
};
const DIFFERENCES: readonly Rule[] = [
  {
    why: "better on purpose: null and true are JSON before the model, not Python",
    covers: (c) => behaviours(c).some((b) => b.kind === "value" && (b.content === null || typeof b.content === "boolean")),
  },
  {
    why: "better on purpose: a result that is too large and cannot be kept in a file is cut",
    covers: (c) => c.id.startsWith("big-") && !c.context?.storage,
  },
  {
    why: "a tool that has put its result into a file by itself shortens it by itself; there is no such flag here",
    covers: (c) => behaviours(c).some((b) => b.persist_full !== undefined),
  },
  {
    why: "better on purpose: a call that the binding is against is answered with access_denied and the others run",
    covers: (c) => c.expect.raises !== undefined,
  },
  {
    why: "better on purpose: partition keeps the model's order",
    covers: (c) => c.executor === "partition",
  },
  {
    why: "the context of a tool has other names here, and no fields that nothing sets",
    covers: (c) => behaviours(c).some((b) => b.kind === "ctx"),
  },
];

const result = async (b: Behaviour, name: string, input: JsonObject): Promise<ToolResult> => {
  if (b.delay_ms) await wait(b.delay_ms);
  const more = { ...(b.is_error ? { isError: true } : {}), ...(b.display_text === undefined ? {} : { display: b.display_text }) };
  switch (b.kind) {
    case "echo":
      return { content: input, ...more };
    case "raise":
      throw Object.assign(new Error(b.message), { name: b.type });
    case "failure": {
      const codes = {
        unknown_tool: "unknown",
        invalid_input: "invalid_input",
        transport_error: "transport",
        access_denied: "access_denied",
      } as const;
      const known = Object.entries(codes).find(([code]) => code === b.code)?.[1] ?? ("crashed" as const);
      throw new ToolExecutionError(b.message ?? "", { tool: name, code: `exec.tool.${known}`, details: b.details ?? {} });
    }
    case "repeat":
      return { content: (b.char ?? "").repeat(b.n ?? 0), ...more };
    case "mutate":
      return { content: name, mutations: b.mutations ?? {}, ...more };
    default:
      return { content: b.content ?? null, ...more };
  }
};

const run = async (recorded: Case, root: string) => {
  const trace: (readonly unknown[])[] = [];
  const warnings: unknown[][] = [];
  const log: Logger = { debug() {}, info() {}, error() {}, warn: (...args) => void warnings.push(args) };
  const tools = new ToolRegistry({ log });
  for (const { name, behaviour, schema, capabilities = {} } of recorded.tools ?? []) {
    const specimen: Tool<JsonObject> = {
      name,
      description: "",
      input: schema ?? { type: "object" },
      effect: "once",
      concurrencySafe: capabilities.concurrency_safe ?? false,
      ...(capabilities.max_result_chars === undefined ? {} : { resultLimit: capabilities.max_result_chars }),
      async run(input) {
        trace.push(["execute", name, input]);
        return result(behaviour, name, input).finally(() => trace.push(["execute_end", name]));
      },
    };
    tools.register(specimen);
  }
  const dispatcher = createDispatcher({ tools, clock: systemClock, log, storagePath: recorded.context?.storage ? root : null });
  const { binding } = recorded;
  const outcome = await runStage(stage, {
    state: { pendingToolCalls: recorded.calls.map((c) => ({ tool_input: {}, ...c })), sessionId: "sess-1", turn: 1, maxIterations: 50 },
    services: { dispatcher, tools, log },
    entry: {
      strategies: { executor: recorded.executor ?? "sequential" },
      config: recorded.max_concurrency === undefined ? {} : { max_concurrency: recorded.max_concurrency },
      ...(binding ? { tool_binding: { stage_order: 10, allowed: null, blocked: null, extra_context: {}, ...binding } } : {}),
    },
  });
  return { ...outcome, trace };
};

/** The form of the recording: an error's head line and its JSON apart. */
const parted = (content: unknown): unknown => {
  const [, header, json] = /^(ERROR \w+: [^\n]*)\n([\s\S]*)$/.exec(String(content)) ?? [];
  return json === undefined ? content : { header, json_body: JSON.parse(json) };
};
const withoutNew = ([type, data]: readonly [string, { [key: string]: unknown }]) => {
  const { error: _error, result: _result, ...rest } = data;
  return [type, rest];
};

const compare = async (recorded: Case, root: string): Promise<string[]> => {
  const { state, events, trace, bypass } = await run(recorded, root);
  const { expect } = recorded;
  if (expect.bypassed) return bypass === undefined ? ["bypassed"] : [];
  if (expect.raises) return ["raises"];
  const ours: { [key: string]: unknown } = {
    results: state.toolResults.map((r) => ({ ...r, content: parted(r.content) })),
    events: events.map(({ type, data }) => withoutNew([type, data])),
    trace,
    shared: state.shared,
    loop_decision: state.loopDecision,
    pending_after: state.pendingToolCalls,
    message_roles: state.messages.map((m) => m.role),
  };
  const wanted: { [key: string]: unknown } = JSON.parse(JSON.stringify(expect).replaceAll("<root>/", `${root}/`));
  wanted.trace = (expect.trace as unknown[][]).filter(([what]) => String(what).startsWith("execute"));
  const wrong = Object.keys(ours).filter((key) => !fits(ours[key], wanted[key]));
  for (const [path, content] of Object.entries((expect.files ?? {}) as object)) {
    const file = JSON.parse(await readFile(join(root, path), "utf8"));
    if (!fits(file, content)) wrong.push(path);
  }
  return wrong;
};

test("the recorded passes of the tool stage give what was recorded, or a listed difference", async () => {
  const { cases } = await golden<{ cases: readonly Case[] }>("dispatch.json");
  const wrong: string[] = [];
  const used = new Set<Rule>();
  let compared = 0;
  for (const recorded of cases.filter((c) => !LATER.covers(c))) {
    const root = await temporary();
    await mkdir(root, { recursive: true });
    const faults = await compare(recorded, root);
    await rm(root, { recursive: true });
    compared += 1;
    if (faults.length === 0) continue;
    const covering = DIFFERENCES.filter((rule) => rule.covers(recorded));
    for (const rule of covering) used.add(rule);
    if (covering.length === 0) wrong.push(`${recorded.id}: ${faults.join()}`);
  }
  assert.deepEqual(wrong, []);
  if (process.env.GOLDEN) return;
  assert.ok(compared > 50, String(compared));
  assert.deepEqual(
    DIFFERENCES.filter((rule) => !used.has(rule)).map((rule) => rule.why),
    [],
  );
});

test("the recorded orders of the streaming executor", async () => {
  interface Streamed {
    readonly id: string;
    readonly tools: readonly { readonly name: string; readonly concurrency_safe: boolean; readonly delay_ms: number }[];
    readonly calls: readonly string[];
    readonly results: readonly (readonly [string, string])[];
    readonly trace: readonly (readonly unknown[])[];
  }
  const { streaming_executor } = await golden<{ streaming_executor: readonly Streamed[] }>("dispatch.json");
  for (const recorded of streaming_executor) {
    const { state, trace } = await run(
      {
        id: recorded.id,
        executor: "streaming",
        tools: recorded.tools.map(({ name, concurrency_safe, delay_ms }) => ({
          name,
          behaviour: { kind: "text", content: name, delay_ms },
          capabilities: { concurrency_safe },
        })),
        calls: recorded.calls.map((tool_name, i) => ({ tool_use_id: `t${i}`, tool_name })),
        expect: {},
      },
      "",
    );
    assert.deepEqual(
      state.toolResults.map((r) => [r.tool_use_id, r.content]),
      recorded.results,
      recorded.id,
    );
    assert.deepEqual(trace, recorded.trace, recorded.id);
  }
});
