/** `run(input, { output })`: an answer that matches a schema, asked for, checked, asked for again, and typed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  GenyExecutorError,
  type Json,
  type JsonObject,
  type PipelineEvent,
  PipelinePresets,
  type RunResult,
  type StandardSchema,
} from "geny-executor";
import { providers } from "geny-executor/providers";
import { type RecordedRequest, startModel, type Turn } from "geny-executor/testing";

const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
} as const satisfies JsonObject;
const ADA = '{"name":"Ada","age":36}';

const asking = async (script: readonly Turn[], { native = true, preset = "minimal" as "minimal" | "agent" } = {}) => {
  const model = await startModel({ script });
  const pipeline = PipelinePresets[preset]({
    apiKey: "k",
    baseUrl: model.url,
    ...(native
      ? {}
      : {
          providers: {
            anthropic: async (options) => {
              const provider = await providers.anthropic(options);
              return { ...provider, capabilities: { ...provider.capabilities, supports_structured_output: false } };
            },
          },
        }),
  });
  return {
    model,
    pipeline,
    async [Symbol.asyncDispose]() {
      await pipeline.close();
      await model.close();
    },
  };
};
type Body = { readonly output_config?: Json; readonly messages: readonly { readonly content: Json }[] };
const bodyOf = (requests: readonly RecordedRequest[], i: number): Body => {
  const body = requests[i]?.body;
  assert.ok(body, `there is no request ${i}`);
  return body as Body;
};

test("where the provider takes a schema it is in the request, and the output is the value", async () => {
  await using at = await asking([{ text: ADA }]);
  const result = await at.pipeline.run("Who?", { output: person });
  assert.deepEqual(result.output, { name: "Ada", age: 36 });
  assert.equal(result.text, ADA);
  const body = bodyOf(at.model.requests, 0);
  assert.deepEqual(body.output_config, { format: { type: "json_schema", schema: person } });
  assert.equal(JSON.stringify(body.messages).includes("JSON Schema"), false);
});

test("where it does not, the schema stands beside the newest message, and is not kept in the history", async () => {
  await using at = await asking([{ text: `Here it is:\n\`\`\`json\n${ADA}\n\`\`\`` }], { native: false });
  const result = await at.pipeline.run("Who?", { output: person });
  assert.deepEqual(result.output, { name: "Ada", age: 36 });
  const body = bodyOf(at.model.requests, 0);
  assert.equal(body.output_config, undefined);
  assert.match(JSON.stringify(body.messages.at(-1)), /JSON Schema.*additionalProperties/);
  assert.equal(JSON.stringify(result.state.messages).includes("JSON Schema"), false);
});

for (const preset of ["minimal", "agent"] as const)
  test(`an answer that does not match is asked for again, with what is wrong, in ${preset}`, async () => {
    await using at = await asking([{ text: "Ada, I think." }, { text: '{"name":"Ada"}' }, { text: ADA }], { preset });
    const rejected: JsonObject[] = [];
    at.pipeline.on("parse.output_rejected", ({ data }) => void rejected.push(data));
    const result = await at.pipeline.run("Who?", { output: person });
    assert.deepEqual(result.output, { name: "Ada", age: 36 });
    assert.equal(result.iterations, 3);
    assert.deepEqual(
      rejected.map(({ ask, limit }) => [ask, limit]),
      [
        [1, 2],
        [2, 2],
      ],
    );
    assert.match(JSON.stringify(bodyOf(at.model.requests, 1).messages.at(-1)), /no JSON in the answer/);
    assert.match(JSON.stringify(bodyOf(at.model.requests, 2).messages.at(-1)), /age/);
  });

test("the asks are bounded: then the run rejects with a code, and its words, bill and history are there", async () => {
  await using at = await asking([{ text: "a" }, { text: "b" }, { text: "c" }, { text: ADA }]);
  const error = await at.pipeline.run("Who?", { output: person }).then(
    () => assert.fail("resolved"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof GenyExecutorError);
  assert.equal(error.code, "exec.output.invalid");
  const result = error.result as RunResult;
  assert.deepEqual([result.success, result.text, result.usage.calls, at.model.requests.length], [false, "c", 3, 3]);
});

test("a refusal is not asked again, an empty answer is", async () => {
  await using refused = await asking([{ text: "No.", stop_reason: "refusal" }]);
  await assert.rejects(refused.pipeline.run("Who?", { output: person }), { code: "exec.output.invalid" });
  assert.equal(refused.model.requests.length, 1);
  await using empty = await asking([{ text: "" }, { text: ADA }]);
  assert.deepEqual((await empty.pipeline.run("Who?", { output: person })).output, { name: "Ada", age: 36 });
});

test("a Standard Schema types the output, and its own rules and changes count", async () => {
  const schema: StandardSchema<Date> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        const at = Date.parse(String((value as { at: string }).at));
        return Number.isNaN(at) ? { issues: [{ message: "is no date", path: ["at"] }] } : { value: new Date(at) };
      },
      jsonSchema: { input: () => ({ type: "object", properties: { at: { type: "string" } }, required: ["at"] }) },
    },
  };
  await using at = await asking([{ text: '{"at":"2026-11-25"}' }, { text: '{"at":"soon"}' }]);
  const { output }: { output: Date } = await at.pipeline.run("When?", { output: schema });
  assert.equal(output.getUTCFullYear(), 2026);
  await assert.rejects(at.pipeline.run("When?", { output: schema }), /at: is no date/);
});

test("the terminal event carries the value; the next run without a schema is a plain one", async () => {
  await using at = await asking([{ text: ADA }, { text: "plain" }]);
  let last: PipelineEvent | undefined;
  for await (const event of at.pipeline.runStream("Who?", { output: person })) last = event;
  assert.deepEqual(last?.data.result, { text: ADA, output: { name: "Ada", age: 36 } });
  const next = await at.pipeline.run("And?");
  assert.equal(next.output, "plain");
  assert.equal(bodyOf(at.model.requests, 1).output_config, undefined);
});

test("a schema that cannot be one is refused before anything runs", async () => {
  await using at = await asking([{ text: ADA }]);
  const none: StandardSchema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
  for (const [output, said] of [
    [{ type: "strng" }, /string/],
    [none, /cannot give a JSON Schema/],
  ] as const)
    await assert.rejects(at.pipeline.run("Who?", { output }), (error) => error instanceof ConfigError && said.test(error.message));
  assert.equal(at.model.requests.length, 0);
});
