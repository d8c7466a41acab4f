/** What a model cannot take is lowered here, once for all wires, on a copy: said in another form, or left out and told. */
import type { Message } from "../contract/message.ts";
import type { ClientCapabilities, ModelRequest } from "../contract/provider.ts";
import { remember } from "../contract/remember.ts";
import type { Json } from "../contract/schema.ts";
import { type Loss, type Lowered, type LowerTarget, lowerMessage } from "./lower-message.ts";
import type { Telling } from "./wire.ts";

/** The volatile part of the prompt, as it stands beside the newest user message. Empty for none. */
export const sessionContext = ({ systemVolatile }: Pick<ModelRequest, "systemVolatile">): string =>
  systemVolatile && `<session-context>\n${systemVolatile}\n</session-context>`;

/** `refused`: fields that this model was found not to take, whatever the capabilities say. */
export type LowerTelling = Pick<Telling, "dropped" | "unsupported"> & Partial<Pick<Telling, "refused">>;

/**
 * The request without what the target cannot take. The same object when there is nothing to lower; `request` itself never changes, and to
 * lower twice is to lower once. What a message becomes is remembered for as long as `to.capabilities` is the same object.
 *
 * - Fields in `capabilities.drops`: unset (`maxTokens`: 0), `dropped(field, value)`. Fields whose capability is false: unset,
 *   `unsupported(field)`; a system prompt then goes with `systemVolatile`.
 * - Messages keep their number and order; one may become empty, which `repair` mends. Thinking and opaque blocks stay for the vendor that
 *   made them. Images and documents that cannot be shown become their text, else a placeholder; those in results that cannot hold them follow
 *   the results. Without tools, calls and results become text. What is lost is `unsupported("messages.…")`.
 *
 * The two functions may be called for the same field with every request: who listens tells it once.
 */
export const lower = (request: ModelRequest, to: LowerTarget, telling: LowerTelling): ModelRequest => {
  const fields = lowerFields(request, to.capabilities, telling);
  const messages = lowerMessages(request.messages, to, telling);
  return messages === request.messages ? fields : { ...fields, messages };
};

interface Field {
  /** On the wire. */
  readonly name: string;
  readonly needs?: keyof ClientCapabilities;
  /** What is asked for; null for nothing. */
  value(request: ModelRequest): Json;
  without(request: ModelRequest): Partial<ModelRequest>;
}

const FIELDS: readonly Field[] = [
  { name: "temperature", value: (r) => r.temperature, without: () => ({ temperature: null }) },
  { name: "top_p", value: (r) => r.topP, without: () => ({ topP: null }) },
  { name: "top_k", needs: "supports_top_k", value: (r) => r.topK, without: () => ({ topK: null }) },
  {
    name: "stop_sequences",
    needs: "supports_stop_sequences",
    value: (r) => (r.stopSequences?.length ? r.stopSequences : null),
    without: () => ({ stopSequences: null }),
  },
  { name: "max_tokens", value: (r) => r.maxTokens || null, without: () => ({ maxTokens: 0 }) },
  { name: "tool_choice", needs: "supports_tool_choice", value: (r) => r.toolChoice, without: () => ({ toolChoice: null }) },
  {
    name: "tools",
    needs: "supports_tools",
    value: (r) => (r.tools.length ? r.tools.map(({ name }) => name) : null),
    without: () => ({ tools: [], toolChoice: null }),
  },
  {
    name: "thinking",
    needs: "supports_thinking",
    value: ({ thinking }) => (thinking && thinking.type !== "disabled" ? thinking.type : null),
    without: () => ({ thinking: null }),
  },
  {
    name: "output_schema",
    needs: "supports_structured_output",
    value: (r) => r.outputSchema,
    without: () => ({ outputSchema: null }),
  },
  {
    name: "system",
    needs: "supports_system_prompt",
    value: (r) => (r.system.length ? true : null),
    without: ({ system, systemVolatile }) => ({
      system: "",
      systemVolatile: [...(typeof system === "string" ? [system] : system.map(({ text }) => text)), systemVolatile]
        .filter(Boolean)
        .join("\n\n"),
    }),
  },
];

const lowerFields = (request: ModelRequest, capabilities: ClientCapabilities, telling: LowerTelling): ModelRequest => {
  let out = request;
  for (const field of FIELDS) {
    const { name, needs } = field;
    const dropped = capabilities.drops.includes(name) || telling.refused?.has(name);
    if (!dropped && (!needs || capabilities[needs])) continue;
    const value = field.value(out);
    if (value === null) continue;
    if (dropped) telling.dropped(name, value);
    else telling.unsupported(name);
    out = { ...out, ...field.without(out) };
  }
  return out;
};

const lowerMessages = (messages: readonly Message[], to: LowerTarget, telling: LowerTelling): readonly Message[] => {
  const lowered = loweredFor(to);
  const lost = new Set<Loss>();
  let out: Message[] | undefined;
  for (let i = 0; i < messages.length; i++) {
    const given = messages[i] as Message;
    const entry = typeof given.content === "string" ? null : lowered(given);
    const message = entry ? entry.message : given;
    if (message !== given) out ??= messages.slice(0, i);
    out?.push(message);
    if (entry?.lost.length) for (const loss of entry.lost) lost.add(loss);
  }
  for (const loss of lost) telling.unsupported(loss);
  return out ?? messages;
};

type Lower = (message: Message) => Lowered;
const byVendor = remember((_: ClientCapabilities) => new Map<string, Lower>());
const loweredFor = (to: LowerTarget): Lower => {
  const vendors = byVendor(to.capabilities);
  const known = vendors.get(to.vendor);
  if (known) return known;
  const fresh = remember((message: Message) => lowerMessage(message, to));
  vendors.set(to.vendor, fresh);
  return fresh;
};
