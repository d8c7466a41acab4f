/** Tools for a model that has none: they are offered in the prompt, and its calls are read from its text. */
import { APIError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { ModelEvent, ModelRequest, Provider, StreamOptions } from "../../contract/provider.ts";
import type { ToolSpec } from "../../contract/tool.ts";
import { CALL } from "./text-calls.ts";
import { hearing, type Notice } from "./text-hearing.ts";
import { offer, told } from "./text-history.ts";

/**
 * The provider with tools. Each request is one user message that tells the conversation in words; a call in the answer counts when it stands
 * in the tags of this request, whose name has a random part, and is not quoted. What looks like a call and is none stays text and is told as
 * `unknown_wire_shape`. When the model goes on after its calls, its stream is left; the tokens of its answer are then estimated and told as
 * `usage_estimated`. Not handed on, and told: `toolChoice` but "none", and `outputSchema`.
 */
export const textTools = (provider: Provider): Provider => {
  const said = new Set<string>();
  const once = (key: string) => said.size !== said.add(key).size;
  return {
    ...provider,
    capabilities: {
      ...provider.capabilities,
      supports_tools: true,
      supports_tool_choice: false,
      supports_structured_output: false,
      supports_mcp_passthrough: false,
      drops: [...new Set([...provider.capabilities.drops, "tool_choice"])],
    },
    stream: (request, options) => ({ [Symbol.asyncIterator]: () => leavable(provider, request, options, once) }),
  };
};

type Once = (key: string) => boolean;
type Begin = (lowered: ModelRequest) => AsyncIterable<ModelEvent>;

/** The events for one reader. Leaving them leaves the provider's at once, also while the next event is awaited. */
const leavable = (
  provider: Provider,
  request: ModelRequest,
  { signal }: StreamOptions,
  once: Once,
): AsyncIterator<ModelEvent, undefined, undefined> => {
  let inner: AsyncIterator<ModelEvent> | undefined;
  const begin: Begin = (lowered) => {
    const opened = provider.stream(lowered, { signal })[Symbol.asyncIterator]();
    inner = opened;
    return { [Symbol.asyncIterator]: () => opened };
  };
  const events = answer(provider, request, once, begin);
  return {
    next: () => events.next(),
    async return() {
      await inner?.return?.().catch(() => undefined);
      await events.return(undefined).catch(() => undefined);
      return { done: true, value: undefined };
    },
  };
};

async function* answer(provider: Provider, request: ModelRequest, once: Once, begin: Begin): AsyncGenerator<ModelEvent, undefined> {
  if (request.messages.length === 0) throw new APIError(`${provider.name}: there is no message to send.`, { code: "exec.api.bad_request" });
  const notice: Notice = (kind, data) => ({ type: "notice", notice: kind, data: { provider: provider.name, ...data } });
  const tools = request.toolChoice?.type === "none" ? [] : request.tools;
  const tag = `${CALL}${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
  const { content, omitted } = told({ ...request, tag: tools.length ? tag : null, sees: provider.capabilities });
  yield* lost(request, omitted, notice, once);
  const heard = hearing({ tag, tools, notice });
  let finished = false;
  try {
    for await (const event of begin(lowered(request, tools, content))) {
      finished = event.type === "finish";
      heard.take(event);
      yield* heard.said();
      if (heard.beyond) break;
    }
  } catch (error) {
    heard.settle();
    yield* heard.said();
    throw error;
  }
  if (finished || !heard.beyond) return;
  heard.settle();
  heard.take({ type: "finish", stopReason: "end_turn" });
  yield* heard.said();
}

/** What of the request is not kept, each thing once. */
const lost = ({ toolChoice, tools, outputSchema }: ModelRequest, omitted: number, notice: Notice, once: Once): readonly ModelEvent[] => {
  const forced = tools.length > 0 && (toolChoice?.type === "any" || toolChoice?.type === "tool");
  return [
    ...(omitted && once("media") ? [notice("parameter_dropped", { field: "media", value: omitted })] : []),
    ...(forced && once("tool_choice") ? [notice("parameter_dropped", { field: "tool_choice", value: toolChoice })] : []),
    ...(outputSchema && once("output_schema") ? [notice("feature_unsupported", { field: "output_schema" })] : []),
  ];
};

const lowered = (request: ModelRequest, tools: readonly ToolSpec[], content: Message["content"]): ModelRequest => ({
  ...request,
  system: offered(request.system, tools),
  systemVolatile: "",
  messages: [{ id: "", origin: "user", role: "user", content }],
  tools: [],
  toolChoice: null,
  outputSchema: null,
  cache: null,
});

const offered = (system: ModelRequest["system"], tools: readonly ToolSpec[]): ModelRequest["system"] => {
  if (tools.length === 0) return system;
  if (typeof system === "string") return [system, offer(tools)].filter(Boolean).join("\n\n");
  return [...system, { type: "text", text: offer(tools) }];
};
