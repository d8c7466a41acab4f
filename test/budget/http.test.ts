/** The same over real HTTP, with the wires' own faults: the offline model keeps the bill, by its own count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  defineTool,
  GenyExecutorError,
  noUsage,
  PipelineBuilder,
  type Price,
  type RunResult,
  systemClock,
  type Usage,
} from "geny-executor";
import { type Fault, type ModelRequest, type Part, startModel, type Turn } from "geny-executor/testing";
import { dollars } from "./honest.ts";

const upTo = (most: number) => fc.integer({ min: 0, max: most * 100 }).map((n) => n / 100);
const FAULTS: readonly Fault[] = [
  { kind: "status", status: 529 },
  { kind: "status", status: 429 },
  { kind: "cut", after: 2 },
  { kind: "cut", after: 5 },
  { kind: "error_event", after: 4 },
  { kind: "malformed_json", event: 3 },
  { kind: "no_stop" },
  { kind: "duplicate" },
];
const deed = fc.record({
  fault: fc.option(fc.constantFrom(...FAULTS), { freq: 2 }),
  tool: fc.boolean(),
  output: upTo(1),
  read: upTo(1),
  written: upTo(1),
});
const CASE = fc.record({
  wire: fc.constantFrom("anthropic", "google", "openai"),
  stream: fc.boolean(),
  input: upTo(20),
  output: upTo(80),
  density: upTo(1),
  budget: fc.integer({ min: 1, max: 1500 }).map((n) => n / 1000),
  maxTokens: fc.integer({ min: 16, max: 8000 }),
  cached: fc.boolean(),
  deeds: fc.array(deed, { minLength: 1, maxLength: 5 }),
});
type Case = typeof CASE extends fc.Arbitrary<infer T> ? T : never;

interface Books {
  readonly of: Case;
  readonly price: Price;
  all: number;
  asked: number;
  broken: number;
}

const said = (part: Part): string => (part.type === "tool_call" ? part.name + JSON.stringify(part.input) : part.text);
/** By wire. */
interface Limits {
  readonly generationConfig?: { readonly maxOutputTokens?: number };
  readonly max_output_tokens?: number;
  readonly max_tokens?: number;
}
const mostOf = (body: ModelRequest["body"]): number => {
  const { generationConfig: config, max_tokens, max_output_tokens } = body as Limits;
  return config?.maxOutputTokens ?? max_output_tokens ?? max_tokens ?? 0;
};
/** Bytes of what would be read, and a few tokens for each message. */
const promptOf = ({ system, messages, body }: ModelRequest, density: number): number => {
  const texts = [system, JSON.stringify(body.tools ?? ""), ...messages.flatMap((m) => m.parts.map(said))];
  return texts.reduce((sum, text) => sum + Math.ceil(Buffer.byteLength(text) * density), 3 * messages.length);
};

/** What the model says, and what it puts on the bill: all of it, also when the client never hears the end. */
const answer = (books: Books, request: ModelRequest): Turn => {
  const { deeds, density, cached } = books.of;
  const { fault, tool, output, read, written } = deeds[books.asked++ % deeds.length] ?? ({} as Case["deeds"][number]);
  if (fault?.kind === "status") return { fault };
  const prompt = promptOf(request, density);
  const reads = cached ? Math.floor(prompt * read) : 0;
  const writes = cached && books.of.wire === "anthropic" ? Math.floor((prompt - reads) * written) : 0;
  const usage: Usage = {
    ...noUsage,
    input_tokens: prompt - reads - writes,
    output_tokens: Math.max(1, Math.floor(mostOf(request.body) * output)),
    cache_read_input_tokens: reads,
    cache_creation_input_tokens: writes,
  };
  const broke = fault && fault.kind !== "cut" && !request.stream ? null : fault;
  if (broke) books.broken++;
  books.all += dollars(usage, books.price);
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = usage;
  return {
    text: "A few words of an answer, in several pieces.",
    ...(tool ? { tool_calls: [{ name: "look", input: { at: "here" } }] } : {}),
    usage: { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens },
    ...(broke ? { fault: broke } : {}),
  };
};

const clock = { ...systemClock, sleep: async (_ms: number, signal: AbortSignal) => signal.throwIfAborted() };
const look = defineTool<{ at: string }>({
  ...{ name: "look", description: "Looks somewhere.", effect: "read" },
  input: { type: "object", properties: { at: { type: "string" } } },
  run: async () => "found something ".repeat(40),
});

test("over HTTP no budget is exceeded either, whatever breaks", { timeout: 300_000 }, async () => {
  const open = new Map<string, Books>();
  await using model = await startModel({
    script: (request) => {
      const books = open.get(request.model);
      return books && answer(books, request);
    },
  });
  let cases = 0;
  const judged = async (c: Case): Promise<void> => {
    const name = `m${++cases}`;
    const price = { input: c.input, output: c.output, cacheRead: c.input / 10, cacheWrite: c.input * 1.25 };
    const books: Books = { of: c, price, all: 0, asked: 0, broken: 0 };
    open.set(name, books);
    await using pipeline = new PipelineBuilder(name, {
      apiKey: "k",
      baseUrl: c.wire === "openai" ? `${model.url}/v1` : model.url,
      prices: { [name]: price },
      clock,
    })
      .withProvider(c.wire)
      .withModel({ model: name, maxTokens: c.maxTokens, costBudgetUsd: c.budget, stream: c.stream })
      .withSystem({ prompt: "Answer briefly." })
      .withCache({ strategy: c.cached ? "aggressive" : "no_cache" })
      .withStage("api", { retry: { use: "exponential_backoff", max_retries: 2, base_delay: 0 }, minOutputTokens: 32 })
      .withTools({ registry: [look] })
      .withLoop({ maxTurns: 5 })
      .build();
    const result = await pipeline.run("Look around.").catch((error: unknown) => {
      if (error instanceof GenyExecutorError) return error.result as RunResult;
      throw error;
    });
    const { totalCostUsd, heldCostUsd } = result.state;
    assert.ok(books.all <= c.budget + 1e-9, `spent $${books.all} of $${c.budget}`);
    assert.ok(totalCostUsd !== null && books.all <= totalCostUsd + heldCostUsd + 1e-9, `${books.all}, we ${totalCostUsd} + ${heldCostUsd}`);
    if (!books.broken) assert.ok(Math.abs(books.all - totalCostUsd) < 1e-9, `the model says ${books.all}, we ${totalCostUsd}`);
  };
  await fc.assert(fc.asyncProperty(CASE, judged), { numRuns: 400 });
});
