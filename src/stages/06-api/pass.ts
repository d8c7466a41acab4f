/** What one run of stage 6 has gathered: it becomes the patch, whether the run ends well or breaks. */
import type { HitlDecision } from "../../contract/host.ts";
import type { Interrupted } from "../../contract/interrupted.ts";
import type { ContentBlock, Message, Origin, Role } from "../../contract/message.ts";
import { textOf, toolUses } from "../../contract/message.ts";
import type { Failover, ModelResponse } from "../../contract/provider.ts";
import type { JsonObject } from "../../contract/schema.ts";
import type { ModelCall, PendingToolCall, State } from "../../contract/state.ts";
import type { ToolOutcome } from "../../contract/tool.ts";
import type { Usage } from "../../contract/usage.ts";
import { remembered } from "../decision.ts";
import type { PermissionEntry } from "./permission.ts";
import type { Answered } from "./tool-loop.ts";

type Before = Pick<State, "messages" | "shared" | "toolCallsTotal" | "failovers" | "heldCostUsd" | "hitlHistory">;

export class Pass {
  /** The history, grown by what this run added. */
  messages: readonly Message[];
  shared: JsonObject;
  toolCallsTotal: number;
  failovers: State["failovers"];
  readonly calls: ModelCall[] = [];
  heldCostUsd: number;
  #decisions: State["hitlHistory"];
  #decision: HitlDecision | null = null;
  readonly #before: Before;
  readonly #messageId: () => string;
  /** Contents of answers that the vendor paused; the next answer goes on with them. */
  #paused: readonly ContentBlock[] = [];
  #answer: ModelResponse | null = null;
  #broken: ModelResponse | null = null;

  constructor(state: Before, messageId: () => string) {
    this.#before = state;
    this.#messageId = messageId;
    ({ messages: this.messages, shared: this.shared, toolCallsTotal: this.toolCallsTotal } = state);
    ({ failovers: this.failovers, heldCostUsd: this.heldCostUsd } = state);
    this.#decisions = state.hitlHistory;
  }

  #say(origin: Origin, role: Role, content: Message["content"]): void {
    this.messages = [...this.messages, { id: this.#messageId(), origin, role, content }];
  }

  /** A whole answer. An empty one leaves no message. */
  take(response: ModelResponse): void {
    const content = spoken(response.content);
    if (content.length) this.#say("model", "assistant", content);
    this.calls.push({ model: response.model, provider: response.provider, usage: response.usage });
    const whole = [...this.#paused, ...response.content];
    this.#answer = this.#paused.length ? { ...response, content: whole } : response;
    this.#paused = response.stop_reason === "pause_turn" ? whole : [];
    this.#broken = null;
  }

  #bill(call: ModelResponse, { estimated, held }: Interrupted): void {
    const { model, provider, usage } = call;
    if (counts(call)) this.calls.push({ model, provider, usage, ...(estimated ? { estimated } : {}) });
    this.heldCostUsd += held;
  }

  /** What a failed attempt said and used. */
  lose(response: ModelResponse, lost: Interrupted): void {
    const partial = { ...response, usage: lost.usage };
    this.#bill(partial, lost);
    if (!this.#broken || rescued(partial.content).length) this.#broken = partial;
  }

  /** A switch to another target of a route, and what the one before has used. */
  switch(response: ModelResponse, lost: Interrupted, failover: Failover): void {
    this.#bill({ ...response, usage: lost.usage }, lost);
    this.failovers = [...this.failovers, failover];
  }

  /** The results of tools that this stage ran. */
  answer({ outcomes }: Answered): void {
    this.#say(
      "tool",
      "user",
      outcomes.map(({ block }) => block),
    );
    for (const outcome of outcomes) this.ran(outcome);
  }

  /** What a tool leaves behind, beside its result. */
  ran({ newMessages, mutations }: ToolOutcome): void {
    for (const { role, content, origin } of newMessages) this.#say(origin ?? "tool", role, content);
    this.shared = { ...this.shared, ...mutations };
    this.toolCallsTotal++;
  }

  /** A person's decision on a tool of the backend's own. */
  decided({ request, decided, at }: PermissionEntry): void {
    this.#decision = decided.decision;
    this.#decisions = remembered(this.#decisions, request, decided, at);
  }

  patch() {
    const { messages, shared, toolCallsTotal, failovers, heldCostUsd } = this;
    return {
      lastApiResponse: this.#answer,
      modelCalls: this.calls,
      ...(messages === this.#before.messages ? {} : { messages }),
      ...(shared === this.#before.shared ? {} : { shared }),
      ...(toolCallsTotal === this.#before.toolCallsTotal ? {} : { toolCallsTotal }),
      ...(failovers === this.#before.failovers ? {} : { failovers }),
      ...(heldCostUsd === this.#before.heldCostUsd ? {} : { heldCostUsd }),
      ...(this.#decision ? { hitlHistory: this.#decisions, hitlLastDecision: this.#decision } : {}),
    };
  }

  /** The patch of a run that broke: the words of the answer that broke off are kept, its tool calls are not. */
  brokenPatch() {
    const content = rescued(this.#broken?.content ?? []);
    if (content.length) this.#say("model", "assistant", content);
    const text = textOf([...(this.#paused.length ? this.#paused : []), ...content]);
    const last = this.#broken && (content.length || counts(this.#broken)) ? { ...this.#broken, content } : this.#answer;
    return { ...this.patch(), lastApiResponse: last, ...(text ? { finalText: text } : {}) };
  }
}

export const pendingCalls = (response: ModelResponse): readonly PendingToolCall[] =>
  toolUses(response.content).map(({ id, name, input }) => ({ tool_use_id: id, tool_name: name, tool_input: input }));

/** Vendors refuse text without a visible character, also in a history. */
const blank = (block: ContentBlock): boolean => block.type === "text" && !block.text.trim();

/** The blocks to keep; none, if nothing was said. */
const spoken = (content: readonly ContentBlock[]): readonly ContentBlock[] => content.filter((block) => !blank(block));

/** Of an answer that broke off: its text, and thinking that the vendor will take back. Its tool calls are not made. */
const rescued = (content: readonly ContentBlock[]): readonly ContentBlock[] =>
  spoken(content).filter(
    (block) => block.type === "text" || (block.type === "thinking" && block.signature !== undefined) || block.type === "redacted_thinking",
  );

const counts = ({ usage }: ModelResponse): boolean =>
  Object.entries(usage).some(([key, value]) => key !== ("duration_ms" satisfies keyof Usage) && value);
