/** What is known of OpenAI's models by their names: whether they reason, how little they can, and how many tokens they take. */
import type { ModelInfo, Thinking } from "../contract/provider.ts";
import { own } from "../contract/schema.ts";

/** Without what is around it: a gateway's path, the mark and the owner of a tuned model. */
const nameOf = (model: string): string => model.slice(model.lastIndexOf("/") + 1).replace(/^ft:([^:]*).*$/, "$1");
const undated = (name: string): string => name.replace(/-20\d\d-\d\d-\d\d$/, "");

/** Null: not known. */
export const reasons = (model: string): boolean | null => {
  const name = nameOf(model);
  if (/^(?:gpt-3\.5|gpt-4|chatgpt-|chat-)|-chat-latest$/.test(name)) return false;
  return /^(?:o\d|gpt-[5-9]|gpt-\d\d|gpt-oss-|codex-)/.test(name) ? true : null;
};

const LOW = 5000;
const MEDIUM = 20000;

/** Thinking as the wire's effort. Some models cannot help thinking: they are asked for as little as they take. */
export const effortOf = ({ type, budgetTokens }: Thinking, model: string): string => {
  if (type === "adaptive") return "medium";
  if (type === "enabled") return budgetTokens < LOW ? "low" : budgetTokens <= MEDIUM ? "medium" : "high";
  const name = undated(nameOf(model));
  if (/^(?:o\d|codex-|gpt-oss-|gpt-5-codex)/.test(name)) return "low";
  return /^gpt-5(?:-mini|-nano)?$/.test(name) ? "minimal" : "none";
};

type Size = readonly [contextWindow: number, maxOutput: number];
const MILLION: Size = [1_050_000, 128_000];
const FIVE: Size = [400_000, 128_000];
const CHAT: Size = [128_000, 16_384];
const FOUR_ONE: Size = [1_047_576, 32_768];
const O: Size = [200_000, 100_000];

/** As stated in November 2026. */
const SIZES: { readonly [model: string]: Size } = {
  "gpt-6-astra": MILLION,
  "gpt-6-sol": MILLION,
  "gpt-6-luna": MILLION,
  "gpt-5.6-sol": MILLION,
  "gpt-5.6-terra": MILLION,
  "gpt-5.6-luna": MILLION,
  "gpt-5.5": MILLION,
  "gpt-5.5-pro": MILLION,
  "gpt-5.4": MILLION,
  "gpt-5.4-pro": MILLION,
  "gpt-5.4-mini": FIVE,
  "gpt-5.4-nano": FIVE,
  "gpt-5.3-codex": FIVE,
  "gpt-5.2": FIVE,
  "gpt-5.2-pro": FIVE,
  "gpt-5.2-codex": FIVE,
  "gpt-5.1": FIVE,
  "gpt-5.1-codex": FIVE,
  "gpt-5.1-codex-max": FIVE,
  "gpt-5.1-codex-mini": FIVE,
  "gpt-5": FIVE,
  "gpt-5-mini": FIVE,
  "gpt-5-nano": FIVE,
  "gpt-5-codex": FIVE,
  "gpt-5-pro": [400_000, 272_000],
  "gpt-5.3-chat-latest": CHAT,
  "gpt-5.2-chat-latest": CHAT,
  "gpt-5.1-chat-latest": CHAT,
  "gpt-5-chat-latest": CHAT,
  "gpt-4.1": FOUR_ONE,
  "gpt-4.1-mini": FOUR_ONE,
  "gpt-4.1-nano": FOUR_ONE,
  "gpt-4o": CHAT,
  "gpt-4o-mini": CHAT,
  "chatgpt-4o-latest": CHAT,
  "o4-mini": O,
  o3: O,
  "o3-mini": O,
  "o3-pro": O,
  o1: O,
  "o1-pro": O,
  "codex-mini-latest": O,
};

/** By the exact name, dated or not; that of a similar one is no answer. */
export const infoOf = (id: string): ModelInfo => {
  const name = undated(nameOf(id));
  const [contextWindow, maxOutput] = own(SIZES, name) ?? [null, null];
  return { id, contextWindow, maxOutput };
};
