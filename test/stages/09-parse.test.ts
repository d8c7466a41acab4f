import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ContentBlock, type JsonObject, type ModelResponse, noUsage, type State } from "geny-executor";
import { parse } from "../../src/stages/09-parse.ts";
import { runStage, type StageRun } from "../../src/testing/run-stage.ts";

const answered = (...content: ContentBlock[]): ModelResponse => ({
  ...{ stop_reason: "end_turn", stop_sequence: null, message_id: "", provider: "p", model: "m", usage: noUsage },
  content,
});
const words = (text: string): ContentBlock => ({ type: "text", text });
const thought = (thinking: string): ContentBlock => ({ type: "thinking", thinking });
const run = (content: readonly ContentBlock[], state: Partial<State> = {}, entry: StageRun["entry"] = {}) =>
  runStage(parse, { state: { lastApiResponse: answered(...content), ...state }, entry });
const signalOf = async (text: string, signal_detector = "regex") => {
  const { completionSignal, completionDetail } = (await run([words(text)], {}, { strategies: { signal_detector } })).patch;
  return [completionSignal, completionDetail];
};

describe("stage 9, text and calls", () => {
  test("text is joined, calls wait for stage 10", async () => {
    const { patch, events } = await run([words("a"), { type: "tool_use", id: "t", name: "add", input: { a: 1 } }, words("b")]);
    assert.equal(patch.finalText, "a\nb");
    assert.deepEqual(patch.pendingToolCalls, [{ tool_use_id: "t", tool_name: "add", tool_input: { a: 1 } }]);
    assert.deepEqual(events, [{ type: "parse.complete", data: { text_length: 3, tool_calls: 1, signal: null, stop_reason: "end_turn" } }]);
  });
  test("a call whose arguments could not be read passes through", async () => {
    const input = { __unparsed_arguments__: '{"a": ' };
    assert.deepEqual((await run([{ type: "tool_use", id: "t", name: "add", input }])).patch.pendingToolCalls?.[0]?.tool_input, input);
  });
  test("without a response nothing is left over from an earlier pass", async () => {
    const state = {
      lastApiResponse: null,
      completionSignal: "blocked",
      pendingToolCalls: [{ tool_use_id: "t", tool_name: "x", tool_input: {} }],
    };
    const { patch } = await runStage(parse, { state });
    assert.deepEqual([patch.completionSignal, patch.pendingToolCalls], [null, []]);
  });
});

describe("stage 9, thinking", () => {
  test("what stage 8 wrote down is not written down twice", async () => {
    const thinkingHistory = [
      { iteration: 0, text: "same", tokens: 1 },
      { iteration: 1, text: "known", tokens: 2 },
    ];
    assert.equal("thinkingHistory" in (await run([thought("known")], { thinkingHistory, iteration: 1 })).patch, false);
    const { patch } = await run([thought("known"), thought("same")], { thinkingHistory, iteration: 1 });
    assert.deepEqual(
      patch.thinkingHistory?.map((r) => [r.iteration, r.text, r.tokens > 0]),
      [
        [0, "same", true],
        [1, "known", true],
        [1, "same", true],
      ],
    );
  });
});

describe("stage 9, signals", () => {
  test("a signal of an earlier pass is cleared (it ended good turns as errors)", async () => {
    const { patch } = await run([words("plain end")], { completionSignal: "blocked", completionDetail: "old" });
    assert.deepEqual([patch.completionSignal, patch.completionDetail], [null, null]);
  });
  test("marks with and without detail, in any case", async () => {
    assert.deepEqual(await signalOf("x [TASK_COMPLETE: done it]"), ["complete", "done it"]);
    assert.deepEqual(await signalOf("[complete:x]"), ["complete", "x"]);
    assert.deepEqual(await signalOf("[COMPLETE x]"), ["complete", "x"]);
    assert.deepEqual(await signalOf("[ERROR:\nmulti]"), ["error", "multi"]);
    assert.deepEqual(await signalOf("[DELEGATE]"), ["delegate", null]);
    assert.deepEqual(await signalOf("a [COMPLETE] b [CONTINUE: c]"), ["continue", "c"]);
  });
  test("a longer word is no mark ([COMPLETED] was complete with the detail D)", async () => {
    for (const text of ["[COMPLETED]", "[ERRORS: 3]", "[CONTINUE_LATER]", "[TASK_BLOCKED]", "[ COMPLETE ]"])
      assert.deepEqual(await signalOf(text), [null, null], text);
  });
  test('a colon alone is no detail ([BLOCKED:] was blocked by ":")', async () =>
    assert.deepEqual(await signalOf("[BLOCKED:]"), ["blocked", null]));
  test("a JSON object, when it is asked for", async () => {
    assert.deepEqual(await signalOf('{"status": "BLOCKED", "reason": "r"}', "structured"), ["blocked", "r"]);
    assert.deepEqual(await signalOf('{"signal": "bogus"}', "structured"), [null, null]);
    assert.deepEqual(await signalOf("[COMPLETE]", "structured"), [null, null]);
    assert.deepEqual(await signalOf('{"signal": "complete"}', "hybrid"), ["complete", null]);
    assert.deepEqual(await signalOf('{"signal": "complete"}'), [null, null]);
  });
  test("a signal that is no text is none (it failed the stage); a detail that is no text becomes one", async () => {
    assert.deepEqual(await signalOf('{"signal": 5}', "structured"), [null, null]);
    assert.deepEqual(await signalOf('{"signal": "delegate", "detail": {"a": 1}}', "structured"), ["delegate", '{"a":1}']);
  });
  test("any text is read, and in time", { timeout: 20_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60 }), async (text) => void (await signalOf(text, "hybrid"))),
      { numRuns: 50 },
    );
    await signalOf("[ERROR ".repeat(20_000));
    await signalOf(`[ERROR${" ".repeat(100_000)}`);
  });
});

describe("stage 9, structured output", () => {
  const asking = (schema: JsonObject | null) => ({ strategies: { parser: "structured_output" }, strategy_configs: { parser: { schema } } });
  const schema = {
    type: "object",
    properties: { n: { type: "integer" }, o: { type: "object", properties: { d: { type: "number" } } } },
    required: ["n"],
  };
  const outputOf = async (text: string, given: JsonObject | null = schema, state = {}) => {
    const { structuredOutput, structuredOutputError } = (await run([words(text)], state, asking(given))).patch;
    return [structuredOutput, structuredOutputError];
  };
  test("is written into the state (no host could read it)", async () => {
    assert.deepEqual(await outputOf('{"n": 1}'), [{ n: 1 }, null]);
    assert.deepEqual(await outputOf('pre ```json {"n": 4}``` post ```json {"n": 5}```'), [{ n: 4 }, null]);
    assert.deepEqual(await outputOf('```python\nx\n``` and ```json\n{"n": 4}\n```'), [{ n: 4 }, null]);
  });
  test("errors name their place; what was there before is cleared", async () => {
    const [value, error] = await outputOf('{"n": 1, "o": {"d": "x"}}', schema, { structuredOutput: { n: 9 } });
    assert.equal(value, null);
    assert.match(String(error), /^schema mismatch at o\.d: /);
    assert.match(String((await outputOf("{}"))[1]), /^schema mismatch at <root>: /);
    assert.match(String((await outputOf("no"))[1]), /no JSON/);
    assert.equal((await run([words("x")], { structuredOutputError: "old" })).patch.structuredOutputError, null);
  });
  test("`null` is JSON (it counted as none)", async () => {
    assert.deepEqual(await outputOf("null", null), [null, null]);
    assert.match(String((await outputOf("null"))[1]), /^schema mismatch at <root>/);
  });
  test("an answer that asks for tools is none yet", async () => {
    const { patch } = await run([words("let me look"), { type: "tool_use", id: "t", name: "x", input: {} }], {}, asking(schema));
    assert.deepEqual([patch.structuredOutput, patch.structuredOutputError], [null, null]);
  });
  test("a run's own schema is checked whoever parses", async () => {
    const { patch } = await run([words('{"n": "x"}')], { outputSchema: schema });
    assert.match(String(patch.structuredOutputError), /^schema mismatch at n: /);
    assert.equal((await run([words('{"n": "x"}')])).patch.structuredOutputError, null);
  });
  test("a schema that cannot be one is refused when the pipeline is made", async () => {
    const wrong = [
      [{ type: "strin" }, /schema\.type.*Did you mean "string"/],
      [{ properties: 5 }, /schema\.properties must be an object/],
      [{ properties: { a: { type: 5 } } }, /schema\.properties\.a\.type/],
      [{ anyOf: [{ required: "n" }] }, /schema\.anyOf\[0\]\.required/],
      [{ items: [{ minimum: "1" }] }, /schema\.items\[0\]\.minimum/],
      [{ pattern: "(" }, /no regular expression/],
      [{ minLength: -1 }, /schema\.minLength/],
    ] as const;
    for (const [bad, message] of wrong) await assert.rejects(run([words("x")], {}, asking(bad)), message);
    const fine = {
      $ref: "#/$defs/a",
      $defs: { a: { type: ["string", "null"], enum: ["a", null], not: false } },
      additionalProperties: false,
    };
    assert.equal((await run([words('"a"')], {}, asking(fine))).patch.structuredOutput, "a");
  });
});
