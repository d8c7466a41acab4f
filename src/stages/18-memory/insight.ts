/** An insight: one thing worth keeping beyond the turn. */
import { isObject, type Json, type JsonObject } from "../../contract/schema.ts";

const IMPORTANCE = ["low", "medium", "high", "critical"] as const;

export type Insight = {
  readonly title: string;
  readonly content: string;
  readonly category: string;
  readonly tags: readonly string[];
  readonly importance: (typeof IMPORTANCE)[number];
  /** Where a store keeps it; null until one does. */
  readonly ref: string | null;
  readonly metadata: JsonObject;
};

/** Reads what a tool or a host queued. Throws an error that says what is wrong with it. */
export const insightOf = (value: Json): Insight => {
  if (!isObject(value)) throw new TypeError("An insight must be an object with a title and a content.");
  const { category, tags = [], ref = null, metadata = {} } = value;
  const importance = IMPORTANCE.find((grade) => grade === String(value.importance ?? "medium").toLowerCase());
  if (!importance)
    throw new Error(`The importance of an insight must be one of ${IMPORTANCE.join(", ")}, not ${JSON.stringify(value.importance)}.`);
  if (!Array.isArray(tags)) throw new Error("The tags of an insight must be a list.");
  return {
    title: wordsOf(value, "title"),
    content: wordsOf(value, "content"),
    category: typeof category === "string" && category.trim() ? category.trim() : "general",
    tags: tags.map((tag) => (typeof tag === "string" ? tag : JSON.stringify(tag))),
    importance,
    ref: typeof ref === "string" ? ref : null,
    metadata: isObject(metadata) ? metadata : {},
  };
};

const wordsOf = (value: JsonObject, key: "title" | "content"): string => {
  const words = value[key];
  if (typeof words !== "string" || !words.trim()) throw new Error(`An insight needs a ${key}: text that is not empty.`);
  return words.trim();
};
