import { extend, fields, type Message, type MessageInput, type Tokens } from "geny-executor";
import { compactors } from "../../../src/stages/02-context/compactors.ts";
import type { Say } from "../../../src/stages/02-context/cut.ts";
import { strategies } from "../../../src/stages/02-context/strategies.ts";
import { context } from "../../../src/stages/02-context.ts";
import { runStage } from "../../../src/testing/run-stage.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

type Recorded = { readonly messages: readonly MessageInput[]; readonly context_window_budget?: number };
const recorded = (vector: Vector): Recorded => vector.input as Recorded;

const listed = (messages: readonly MessageInput[]): Message[] =>
  messages.map((message, i) => ({
    ...message,
    content: message.content ?? "",
    id: `${i}`,
    origin: message.role === "user" ? "user" : "model",
  }));
const plain = (messages: readonly Message[]) => messages.map(({ role, content }) => ({ role, content }));
const say: Say = (role, content) => ({ id: "s", origin: "summary", role, content });

/** The recording's estimate, so that what is compared is the stage's own rule. */
const size = (message: Message): number =>
  Math.floor((typeof message.content === "string" ? message.content : JSON.stringify(message.content)).length / 4);
const tokens: Tokens = {
  text: (text) => Math.floor(text.length / 4),
  message: size,
  request: ({ messages }) => messages.reduce((sum, message) => sum + size(message), 0),
};

/** Runs the stage; tells what it asked of its compactor and retriever. */
const probed = async ({ messages, context_window_budget }: Recorded) => {
  const asked: { compacted: boolean; queries: string[] } = { compacted: false, queries: [] };
  const withCompactor = extend(context, "compactor", {
    probe: {
      about: "Notes that it was asked.",
      config: fields({}),
      create: () => (list: readonly Message[]) => {
        asked.compacted = true;
        return { messages: list };
      },
    },
  });
  const stage = extend(withCompactor, "retriever", {
    probe: {
      about: "Notes the query.",
      config: fields({}),
      create: () => (query: string) => {
        asked.queries.push(query);
        return [];
      },
    },
  });
  const { events } = await runStage(stage, {
    state: { messages: listed(messages), ...(context_window_budget === undefined ? {} : { contextWindowBudget: context_window_budget }) },
    entry: { strategies: { compactor: "probe", retriever: "probe" } },
    services: { tokens },
  });
  return { ...asked, built: events.find((event) => event.type === "context.built")?.data };
};

export const replay = async (vector: Vector): Promise<unknown> => {
  const { messages } = recorded(vector);
  if (vector.strategy === "estimate") return { estimated_tokens: (await probed(recorded(vector))).built?.estimated_tokens };
  if (vector.strategy === "threshold") {
    const { compacted, built } = await probed(recorded(vector));
    return { compacted, estimated_tokens: built?.estimated_tokens };
  }
  if (vector.strategy === "query") return { query: (await probed(recorded(vector))).queries };
  if (vector.slot === "strategy") {
    const load = made(strategies, vector);
    return "refused" in load ? load : { messages: plain(load.fn(listed(messages), say)), get_config: load.config };
  }
  const compact = made(compactors, vector);
  if ("refused" in compact) return compact;
  const room = {
    window: 200000,
    size: () => 1,
    say,
    provider: "",
    modelOverride: null,
    purse: { limit: null, spent: 0, unknownPrice: "refuse" as const },
  };
  const { messages: kept } = await compact.fn(listed(messages), room, call);
  const { keep_recent_ratio, ...get_config } = compact.config;
  return { messages: plain(kept), get_config };
};

const NUMBERS = ["max_recent_turns", "keep_last"];
export const differences: readonly Difference<Vector>[] = [
  {
    rule: "context.bad_config",
    why: "better on purpose: a number out of bounds or of the wrong type is refused with its path, not silently replaced by the default",
    covers: ({ config }) =>
      NUMBERS.some((key) => config?.[key] !== undefined && !(Number.isInteger(config[key]) && Number(config[key]) >= 1)),
  },
  {
    rule: "context.estimate_of_blocks",
    why: "better on purpose: blocks are counted by what they hold, not by the length of their Python form",
    covers: (vector) => vector.strategy === "estimate" && recorded(vector).messages.some((message) => typeof message.content !== "string"),
  },
  {
    rule: "context.query_after_tool_result",
    why: "better on purpose: the query is the newest instruction, also when tool results stand behind it",
    covers: (vector) => vector.strategy === "query" && JSON.stringify(recorded(vector).messages.at(-1)).includes("tool_result"),
  },
];
