/** Runs what a recording describes, and gives what came out in the recording's form. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunResult } from "geny-executor";
import { fromWire, type PipelineEvent, type State } from "geny-executor";
import { type Built, build } from "./build.ts";
import { eventOf, requestOf, resultOf } from "./canonical.ts";
import type { Call, CallResult, Description, Event, Recording, Request } from "./recording.ts";

export interface Replay {
  readonly requests: readonly Request[];
  readonly subRequests: readonly Request[];
  readonly events: readonly Event[];
  readonly result: { readonly calls: readonly CallResult[]; readonly describe: readonly Description[]; readonly [key: string]: unknown };
}

/** Runs the recording's calls on our pipeline. */
export const replay = async (recording: Recording): Promise<Replay> => {
  const dir = mkdtempSync(join(tmpdir(), "geny-golden-"));
  try {
    const built = build(recording, dir);
    const events: Event[] = [];
    const calls: CallResult[] = [];
    let { state } = built;
    for (const [i, call] of recording.scenario.calls.entries()) {
      const { result, error, seen } = await runCall(built, call, { ...state, ...fromWire(call.state ?? {}) });
      events.push(...seen.map((event) => eventOf(event, i)));
      calls.push(resultOf(result, error, call.mode, i));
      state = result.state;
    }
    await built.pipeline.close();
    return {
      requests: built.provider.requests.map(requestOf),
      subRequests: built.draft.subRequests.map(({ agent, request }) => ({ agent, ...requestOf(request) })),
      events,
      result: { calls, ...told(built, events), files: filesOf(dir) },
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
};

const runCall = async ({ pipeline }: Built, { mode, input, stop_after }: Call, state: State) => {
  const seen: PipelineEvent[] = [];
  let result: RunResult | undefined;
  let error: unknown;
  const options = {
    state,
    onResult: (given: RunResult) => {
      result = given;
    },
  };
  const off = mode === "run" ? pipeline.on("*", (event) => void seen.push(event)) : () => {};
  try {
    if (mode === "run") await pipeline.run(input, options);
    else
      for await (const event of pipeline.runStream(input, options)) {
        seen.push(event);
        if (event.type === stop_after) break;
      }
  } catch (thrown) {
    error = thrown;
  }
  off();
  if (!result) throw error ?? new Error("The run ended without a result.");
  return { result, error, seen };
};

const told = ({ pipeline, draft, sleeps, received }: Built, events: readonly Event[]) => ({
  sleeps,
  callbacks: draft.callbacks,
  tool_calls_received: received,
  client_sink_events: events.filter((e) => e.type === "llm_client.feature_unsupported").map((e) => ({ type: e.type, ...e.data })),
  describe: pipeline.describe().map(({ order, name, category, isActive, strategies }) => ({
    order,
    name,
    category,
    is_active: isActive,
    strategies: strategies.map(({ slot, names }) => ({ slot_name: slot, current_impl: names.join(", ") || "none" })),
  })),
});

/** Every file below the folder, by its path from there; JSON is read. */
const filesOf = (dir: string): { [path: string]: unknown } =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const content = readFileSync(path, "utf8");
        return [path.slice(dir.length + 1), path.endsWith(".json") ? JSON.parse(content) : content];
      }),
  );
