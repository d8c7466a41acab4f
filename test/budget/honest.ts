/**
 * A model that bills by its own count, and knows nothing of ours: a tokenizer of some density over the bytes of the prompt, prices read from
 * the table by itself, and the habit of working on when the client has gone.
 */
import {
  APIError,
  type ClientCapabilities,
  capabilities,
  type Message,
  type ModelEvent,
  type ModelRequest,
  noUsage,
  type Price,
  type Provider,
  type Usage,
} from "geny-executor";

/** What one request meets. Shares are 0 to 1. */
export interface Deed {
  readonly kind: "answer" | "tool" | "pause" | "status" | "network" | "error_event" | "gone" | "abort";
  /** Of the longest answer that was asked for. */
  readonly output: number;
  /** Of the prompt: read from the cache, written to it, and of that for an hour. */
  readonly read: number;
  readonly written: number;
  readonly hour: number;
  /** Whether the prompt is counted at the beginning, as on Anthropic's wire, or only at the end. */
  readonly early: boolean;
  /** How far the model came before it broke, as a share of what it would have said, and whether any of that arrived. */
  readonly reached: number;
  readonly arrived: boolean;
  /** Which of the models that may answer does; and whether another was asked before it, and gave up. */
  readonly who: number;
  readonly switched: boolean;
}

export interface World {
  readonly prices: { readonly [model: string]: Price };
  /** Models that may answer in place of the one that is asked. */
  readonly route: readonly string[] | null;
  /** Tokens a byte. */
  readonly density: number;
  readonly deeds: readonly Deed[];
  /** Stops the run. */
  readonly abort: AbortController;
  readonly capabilities?: Partial<ClientCapabilities>;
}

export interface Honest extends Provider {
  /** US dollars, by its own count; and of the calls whose usage it told to the end. */
  readonly bill: { all: number; told: number; calls: number; broken: number };
  readonly requests: readonly ModelRequest[];
}

const textsOf = ({ content }: Message): string =>
  typeof content === "string"
    ? content
    : content
        .map((block) => {
          if (block.type === "text") return block.text;
          if (block.type === "tool_use") return block.name + JSON.stringify(block.input);
          return block.type === "tool_result" ? textsOf({ ...NOBODY, content: block.content }) : "";
        })
        .join("");
const NOBODY: Omit<Message, "content"> = { id: "", origin: "tool", role: "user" };

/** Four tokens around each message, forty where tools are explained. */
export const promptOf = (request: ModelRequest, density: number): number => {
  const { system, systemVolatile, messages, tools } = request;
  const prompt = typeof system === "string" ? system : system.map((block) => block.text).join("");
  const told = tools.map((tool) => tool.name + tool.description + JSON.stringify(tool.input_schema)).join("");
  const texts = [prompt, systemVolatile, told, ...messages.map(textsOf)];
  return texts.reduce((sum, text) => sum + Math.ceil(Buffer.byteLength(text) * density), 4 * messages.length + (tools.length ? 40 : 0));
};

/** Its own way from usage to dollars. */
export const dollars = (usage: Usage, price: Price): number => {
  const prompt = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
  const tiers = [...(price.tiers ?? [])].sort((a, b) => b.above - a.above);
  const rates = tiers.find((tier) => tier.above < prompt) ?? price;
  const hour = usage.cache_creation_1h_input_tokens ?? 0;
  const sum =
    usage.input_tokens * rates.input +
    usage.output_tokens * rates.output +
    usage.cache_read_input_tokens * (rates.cacheRead ?? rates.input) +
    (usage.cache_creation_input_tokens - hour) * (rates.cacheWrite ?? rates.input * 1.25) +
    hour * (rates.cacheWrite1h ?? rates.input * 2);
  return sum / 1_000_000;
};

/** The prompt's tokens split over the ways in which they are billed. An hour is only written where it is marked. */
export const usageOf = (prompt: number, output: number, deed: Deed, ttl: string | undefined): Usage => {
  const read = Math.floor(prompt * deed.read);
  const written = Math.floor((prompt - read) * deed.written);
  const hour = ttl === "1h" ? Math.floor(written * deed.hour) : 0;
  return {
    ...noUsage,
    input_tokens: prompt - read - written,
    output_tokens: output,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written,
    ...(hour ? { cache_creation_1h_input_tokens: hour } : {}),
  };
};

const fault = (kind: Deed["kind"]): APIError =>
  kind === "status"
    ? new APIError("busy", { code: "exec.api.rate_limited", status: 429 })
    : kind === "gone"
      ? new APIError("late", { code: "exec.api.timeout" })
      : kind === "error_event"
        ? new APIError("overloaded", { code: "exec.api.server_error" })
        : new APIError("broken", { code: "exec.api.network" });

export const honest = (world: World): Honest => {
  const bill = { all: 0, told: 0, calls: 0, broken: 0 };
  const requests: ModelRequest[] = [];
  const { route } = world;
  const priceOf = (model: string): Price => {
    const price = world.prices[model];
    if (!price) throw new Error(`there is no price of ${model}`);
    return price;
  };
  return {
    name: "honest",
    capabilities: capabilities(world.capabilities ?? {}),
    bill,
    requests,
    ...(route ? { hops: () => route.map((model) => ({ provider: "honest", model, account: "" })) } : {}),
    async *stream(request, { signal }): AsyncGenerator<ModelEvent> {
      const deed = world.deeds[requests.length % world.deeds.length];
      if (!deed) throw new Error("a world has deeds");
      requests.push(request);
      signal.throwIfAborted();
      if (deed.kind === "status") throw fault("status");
      const model = route?.[deed.who % route.length] ?? request.model;
      const price = priceOf(model);
      if (route && deed.switched) {
        const from = route[(deed.who + 1) % route.length] ?? model;
        const lost = usageOf(promptOf(request, world.density), Math.floor(request.maxTokens * deed.reached), deed, request.cache?.ttl);
        bill.all += dollars(lost, priceOf(from));
        bill.broken++;
        const [of, to] = [from, model].map((name) => ({ provider: "honest", model: name, account: "" }));
        if (of && to) yield { type: "failover", from: of, to, code: "exec.api.timeout", message: "late" };
      }
      const whole = usageOf(promptOf(request, world.density), Math.floor(request.maxTokens * deed.output), deed, request.cache?.ttl);
      const broke = ["network", "error_event", "gone", "abort"].includes(deed.kind);
      bill.calls++;
      // Who breaks may have gone on to the last token.
      const reached = broke ? { ...whole, output_tokens: Math.floor(request.maxTokens * deed.reached) } : whole;
      bill.all += dollars(reached, price);
      if (deed.kind === "gone" || (broke && !deed.arrived && deed.kind !== "abort")) {
        bill.broken++;
        throw fault(deed.kind);
      }
      yield { type: "start", model, id: "msg" };
      if (deed.early) yield { type: "usage", usage: { ...whole, output_tokens: Math.min(1, reached.output_tokens) } };
      yield { type: "text", index: 0, text: "word ".repeat(1 + Math.min(40, whole.output_tokens)) };
      if (broke) {
        bill.broken++;
        if (deed.kind !== "abort") throw fault(deed.kind);
        world.abort.abort(new Error("enough"));
        await new Promise((_, no) => setImmediate(no, new Error("gone")));
      }
      if (deed.kind === "tool") yield { type: "tool_call", index: 1, id: `call_${requests.length}`, name: "look", input: { at: "here" } };
      yield { type: "usage", usage: whole };
      bill.told += dollars(whole, price);
      yield { type: "finish", stopReason: deed.kind === "pause" ? "pause_turn" : deed.kind === "tool" ? "tool_use" : "end_turn" };
    },
  };
};
