/** Stage 3: the prompt in its stable and its volatile part, and the tools that the model is offered. */
import { lengthOf } from "../contract/message.ts";
import { fields, int, object, oneOf, text } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { newState, type SystemPrompt } from "../contract/state.ts";
import { one } from "../contract/strategy.ts";
import { builders } from "./03-system/builders.ts";
import { substitute } from "./03-system/compose.ts";

export * as promptBlocks from "./03-system/blocks.ts";

const mapText = (prompt: SystemPrompt, change: (text: string) => string): SystemPrompt =>
  typeof prompt === "string" ? change(prompt) : prompt.map((block) => ({ ...block, text: change(block.text) }));
const length = (prompt: SystemPrompt): number =>
  typeof prompt === "string" ? lengthOf(prompt) : prompt.reduce((sum, block) => sum + lengthOf(block.text), 0);

export const system = defineStage({
  name: "system",
  about: "Builds the prompt and offers the tools. The part that changes between turns goes apart, so that the rest can be cached.",
  category: "ingress",
  config: fields({
    prompt: text({ default: "", widget: "textarea", about: "the prompt; wins over that of the builder" }),
    template_vars: object({
      default: {},
      about: "values that stand in the stable prompt for {name}, with or without a dollar sign before it",
    }),
    volatile_placement: oneOf(["turn_context", "system"], {
      default: "turn_context",
      about: "where clock, recalled memory and the like go: beside the newest message, or into the prompt",
    }),
  }),
  reads: [
    "tools",
    "toolsVersion",
    "memoryContext",
    "memoryPinned",
    "messages",
    "input",
    "model",
    "sessionId",
    "turn",
    "iteration",
    "shared",
    "metadata",
  ],
  writes: ["system", "systemVolatile", "tools", "toolsVersion"],
  slots: { builder: one({ about: "makes the prompt", verb: "builds the prompt by", default: "static", strategies: builders }) },
  events: {
    "system.built": fields({
      prompt_type: oneOf(["string", "content_blocks"], { about: "the form of the stable part" }),
      prompt_length: int({ about: "characters of the stable part" }),
      tools_count: int({ about: "tools that are offered" }),
      volatile_placement: text({ about: "where the volatile part went" }),
      turn_context_chars: int({ about: "characters of the volatile part, when it goes apart" }),
    }),
  },
  async run(state, { config, slots, services, call, emit }) {
    const { specs, version } = { specs: state.tools.length ? state.tools : services.tools.specs(), version: services.tools.version };
    const scene = {
      state: newState({ ...state, tools: specs }),
      now: services.clock.now(),
      prompt: config.prompt,
      apart: config.volatile_placement === "turn_context",
    };
    const prompt = await slots.builder(scene, call);
    const stable = mapText(prompt.stable, (part) => substitute(part, config.template_vars));
    emit("system.built", {
      prompt_type: typeof stable === "string" ? "string" : "content_blocks",
      prompt_length: length(stable),
      tools_count: specs.length,
      volatile_placement: config.volatile_placement,
      turn_context_chars: length(prompt.volatile),
    });
    return { system: stable, systemVolatile: prompt.volatile, tools: specs, toolsVersion: version };
  },
  /** Tools that were activated in the last pass are offered in the next; the prompt stays, so that its cache holds. */
  refresh({ toolsVersion }, { services }) {
    const { version } = services.tools;
    return version === toolsVersion ? {} : { tools: services.tools.specs(), toolsVersion: version };
  },
});
