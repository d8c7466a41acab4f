/** Stage 6: asks the model, with retries, and appends its answer. */
import { APIError, GenyExecutorError, messageOf } from "../contract/errors.ts";
import type { Interrupted } from "../contract/interrupted.ts";
import { lengthOf, textOf, toolUses } from "../contract/message.ts";
import type { Failover, ModelRequest, ModelResponse, Provider } from "../contract/provider.ts";
import { Broken, defineStage } from "../contract/stage.ts";
import { type Call, one } from "../contract/strategy.ts";
import { accountOf } from "./06-api/account.ts";
import { ask, tell } from "./06-api/ask.ts";
import { configWith, connection } from "./06-api/config.ts";
import { apiEvents } from "./06-api/events.ts";
import { Pass, pendingCalls } from "./06-api/pass.ts";
import { permissionOf } from "./06-api/permission.ts";
import { overridden, requestOf } from "./06-api/request.ts";
import { retries } from "./06-api/retry.ts";
import { routers } from "./06-api/router.ts";
import { sessionTools } from "./06-api/session-tools.ts";
import { inWords } from "./06-api/structured.ts";
import { toolLoops } from "./06-api/tool-loop.ts";

/** So often an answer that the vendor paused is gone on with; then it stands as it is, with its stop reason. */
const PAUSES = 10;

export const api = defineStage({
  name: "api",
  about: "Asks the model, with retries, tells its answer piece by piece and appends it to the history.",
  category: "execution",
  required: true,
  supportsModelOverride: true,
  config: configWith([]),
  reads: [
    "messages",
    "system",
    "systemVolatile",
    "tools",
    "toolChoice",
    "cacheMarks",
    "outputSchema",
    "model",
    "maxTokens",
    "temperature",
    "topP",
    "topK",
    "stopSequences",
    "thinkingEnabled",
    "thinkingBudgetTokens",
    "thinkingType",
    "thinkingDisplay",
    "stream",
    "iteration",
    "sessionId",
    "cacheKey",
    "turn",
    "failovers",
    "shared",
    "toolCallsTotal",
    "toolGuard",
    "costBudgetUsd",
    "costLimitUsd",
    "unknownPrice",
    "totalCostUsd",
    "heldCostUsd",
    "hitlHistory",
  ],
  writes: [
    "messages",
    "lastApiResponse",
    "modelCalls",
    "heldCostUsd",
    "failovers",
    "finalText",
    "shared",
    "toolCallsTotal",
    "hitlHistory",
    "hitlLastDecision",
  ],
  slots: {
    retry: one({ about: "when a failed call is tried again", verb: "retries by", default: "exponential_backoff", strategies: retries }),
    router: one({ about: "which model answers", verb: "chooses the model by", default: "passthrough", strategies: routers }),
    tool_loop: one({
      about: "who answers the model's tool calls",
      verb: "has tool calls answered by",
      default: "pipeline",
      strategies: toolLoops,
    }),
  },
  events: apiEvents,
  async run(given, ctx) {
    const { config, slots, chosen, services, call, emit } = ctx;
    const pass = new Pass(given, ctx.messageId);
    try {
      let state = overridden(given, ctx.modelOverride);
      const model = route(() => slots.router(state, call), chosen.router, call) ?? state.model;
      if (model !== state.model) {
        emit("api.model_routed", { router: chosen.router, from: state.model, to: model });
        state = { ...state, model };
      }
      const provider = await connect(() => services.provider(config.provider, connection(config)), config.provider, call);
      const next = (): ModelRequest => inWords(requestOf(state, pass.messages, config.stream ?? state.stream), provider);
      const account = accountOf(state, pass, { provider, services, floor: config.min_output_tokens });
      const affords = () => !("refused" in account(next()));
      const asks = { requester: config.permission_requester, timeout: config.permission_timeout_s };
      const session = { state, pass, services, call, permission: permissionOf(asks, provider.name, services) };
      const asking = {
        ...{ provider, services, call, account, retry: slots.retry, iteration: state.iteration, step: counter() },
        tools: loops(provider) ? (request: ModelRequest) => sessionTools(session, request) : null,
        announce: chosen.tool_loop === "pipeline",
        broken: (partial: ModelResponse, lost: Interrupted) => pass.lose(partial, lost),
        switched: (partial: ModelResponse, lost: Interrupted, failover: Failover) => pass.switch(partial, lost, failover),
      };
      for (let turns = 0, pauses = 0; ; ) {
        const response = await ask(asking, next());
        emit("api.response", responded(response));
        pass.take(response);
        if (response.stop_reason === "model_context_window_exceeded" && !response.content.length)
          throw tell(tooLong(), provider.name, call);
        const calls = pendingCalls(response);
        if (response.stop_reason === "pause_turn" && !calls.length && ++pauses <= PAUSES && affords()) continue;
        if (!calls.length || asking.announce) return pass.patch();
        const inner = { turns, state: { ...state, shared: pass.shared, toolCallsTotal: pass.toolCallsTotal } };
        const answered = affords() ? await slots.tool_loop(calls, inner, call) : { capped: "cost_budget" };
        if (!answered || "capped" in answered) {
          for (const c of calls) emit("api.tool_use", { id: c.tool_use_id, name: c.tool_name, input: c.tool_input, source: "api" });
          if (answered) call.emit("api.internal_loop_capped", { turns, reason: answered.capped });
          return pass.patch();
        }
        pass.answer(answered);
        if ("failed" in answered) throw answered.failed;
        turns++;
      }
    } catch (error) {
      throw new Broken(error, pass.brokenPatch());
    }
  },
});

/** It runs a loop by itself; or it is a route, which may come to one that does. */
const loops = ({ capabilities, hops }: Provider): boolean => capabilities.supports_mcp_passthrough || hops !== undefined;

/** Names for steps: `model#1`, `wait#1`, `model#2`. */
const counter = () => {
  const counts = new Map<string, number>();
  return (kind: string): string => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return `${kind}#${counts.get(kind)}`;
  };
};

/** Stage 6 of a pipeline whose host has providers of its own. */
export const apiWith = (own: readonly string[]): typeof api => ({ ...api, config: configWith(own) });

/** What a router throws is told, and the model that is set answers. */
const route = (choose: () => string | undefined, router: string, call: Call): string | undefined => {
  try {
    return choose();
  } catch (error) {
    call.emit("api.router.error", { router, error: messageOf(error) });
    return undefined;
  }
};

const connect = async (open: () => Provider | Promise<Provider>, name: string, call: Call): Promise<Provider> => {
  try {
    return await open();
  } catch (error) {
    const typed = error instanceof GenyExecutorError ? error : new APIError(messageOf(error), { code: "exec.api.no_client", cause: error });
    throw tell(typed, name, call);
  }
};

const tooLong = () =>
  new APIError("The conversation fills the model's context: there was no room for an answer. Compact or shorten it.", {
    code: "exec.api.token_limit",
  });

const responded = ({ stop_reason, content, usage }: ModelResponse) => ({
  stop_reason,
  text_length: lengthOf(textOf(content)),
  tool_calls: toolUses(content).length,
  input_tokens: usage.input_tokens,
  output_tokens: usage.output_tokens,
  cache_read_input_tokens: usage.cache_read_input_tokens,
  cache_creation_input_tokens: usage.cache_creation_input_tokens,
});
