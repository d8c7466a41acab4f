/** Which model answers. */
import type { Message } from "../../contract/message.ts";
import { fields, flag, int, text } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

export type Routed = Pick<State, "system" | "systemVolatile" | "messages" | "tools"> & { readonly thinkingEnabled: boolean };
/** The model for this request; undefined keeps the one that is set. What it throws is told and changes nothing. */
export type Router = (request: Routed, call: Call) => string | undefined;

const sizeOf = ({ content }: Message): number => {
  if (typeof content === "string") return content.length;
  let size = 0;
  for (const block of content)
    if (block.type === "text") size += block.text.length;
    else if (block.type === "tool_use") size += JSON.stringify(block.input ?? {}).length;
    else if (block.type === "tool_result")
      size += (typeof block.content === "string" ? block.content : JSON.stringify(block.content ?? "")).length;
  return size;
};

/** Characters of the prompt and of what was said, done and found. */
const size = ({ system, systemVolatile, messages }: Routed): number =>
  (typeof system === "string" ? system.length : system.reduce((n, block) => n + block.text.length, 0)) +
  systemVolatile.length +
  messages.reduce((n, message) => n + sizeOf(message), 0);

export const routers = {
  passthrough: defineStrategy<Router>()({
    about: "The model that is set.",
    config: fields({}),
    create: () => () => undefined,
  }),
  adaptive: defineStrategy<Router>()({
    about: "A light model for short requests, a heavy one for long ones and for thinking, a balanced one between and for tools.",
    config: fields({
      light_model: text({ about: "for short requests", default: "claude-haiku-4-5-20251001" }),
      balanced_model: text({ about: "for requests between, and for tools", default: "claude-sonnet-4-6" }),
      heavy_model: text({ about: "for long requests, and for thinking", default: "claude-opus-4-7" }),
      light_threshold_chars: int({ about: "up to so many characters a request is short", min: 0, default: 800 }),
      heavy_threshold_chars: int({ about: "from so many characters on a request is long", min: 0, default: 12000 }),
      thinking_promotes_heavy: flag({ about: "whether thinking asks for the heavy model", default: true }),
      tools_promote_balanced: flag({ about: "whether tools ask for the balanced model", default: true }),
    }),
    create: ({ light_model, balanced_model, heavy_model, ...config }) => {
      const { light_threshold_chars: light, heavy_threshold_chars: heavy, thinking_promotes_heavy, tools_promote_balanced } = config;
      if (heavy < light) throw new Error(`heavy_threshold_chars (${heavy}) must be at least light_threshold_chars (${light})`);
      return (request) => {
        if (thinking_promotes_heavy && request.thinkingEnabled) return heavy_model;
        const chars = size(request);
        if (chars >= heavy) return heavy_model;
        if (tools_promote_balanced && request.tools.length) return balanced_model;
        return chars <= light ? light_model : balanced_model;
      };
    },
  }),
};
