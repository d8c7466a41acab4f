/** A provider in this process that calls a tool for some passes and then answers, and what tests of changing pipelines share. */
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { capabilities, defineTool, type ModelRequest, MutationError, type Provider } from "geny-executor";

/** `passes`: of each turn. `heard` is called with every request, before it is answered. */
export const callingProvider = (
  passes: number,
  heard: (request: ModelRequest) => unknown = () => {},
  { name = "anthropic", delayMs = 0 }: { name?: string; delayMs?: number } = {},
): Provider => ({
  name,
  capabilities: capabilities({ supports_tools: true }),
  async *stream(request, { signal }) {
    await heard(request);
    if (delayMs) await wait(Math.random() * delayMs, undefined, { signal });
    const done = request.messages.filter((m) => m.role === "assistant").length + 1;
    if (done < passes) yield { type: "tool_call", index: 0, id: `call_${done}`, name: "noop", input: {} };
    else yield { type: "text", index: 0, text: `done after ${done}` };
    yield { type: "finish", stopReason: done < passes ? "tool_use" : "end_turn" };
  },
});

export const noop = defineTool({ name: "noop", description: "does nothing", input: { type: "object" }, effect: "read", run: () => "ok" });

/** Runs what must be refused, and gives the error. */
export const expectError = (act: () => unknown, code = "exec.mutation.invalid"): MutationError => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof MutationError, String((error as Error).stack));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail("it was not refused");
};
