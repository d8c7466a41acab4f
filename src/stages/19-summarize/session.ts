/** The summaries of all turns as one Markdown text. */
import type { Json } from "../../contract/schema.ts";

/** What is no summary is left out. Empty for none. */
export const sessionSummary = (summaries: readonly Json[]): string => {
  const turns = summaries.flatMap(section);
  return turns.length ? `${["## Session Summary", ...turns].join("\n\n")}\n` : "";
};

const section = (summary: Json): string[] => {
  if (typeof summary !== "object" || summary === null || Array.isArray(summary)) return [];
  const { turn_id = "", importance = "medium", abstract, key_facts, tags } = summary as { readonly [key: string]: Json };
  const facts = texts(key_facts).map((fact) => `- ${fact}`);
  const tagged = texts(tags).map((tag) => `\`${tag}\``);
  return [
    `### Turn ${turn_id} (${importance})`,
    ...texts([abstract ?? ""]),
    ...(facts.length ? [`**Key facts:**\n${facts.join("\n")}`] : []),
    ...(tagged.length ? [`_Tags: ${tagged.join(", ")}_`] : []),
  ];
};

const texts = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.flatMap((item) => (typeof item === "string" && item.trim() ? [item.trim()] : [])) : [];
