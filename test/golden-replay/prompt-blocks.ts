/** The recorded host's prompt blocks as functions of ours. None is marked volatile: the recording has them all in the prompt. */
import type { JsonObject, PromptBlock } from "geny-executor";

export const promptBlocks = (given: readonly JsonObject[]): PromptBlock[] =>
  given.map((block) => ({ name: String(block.name ?? block.block), render: renderer(block) }));

const renderer = (block: JsonObject): PromptBlock["render"] => {
  const text = String(block.text ?? "");
  switch (block.block) {
    case "rules":
      return () => ["# Rules", ...(block.rules as readonly string[]).map((rule, i) => `${i + 1}. ${rule}`)].join("\n");
    case "datetime":
      return (_, now) => `Current date: ${new Date(now).toISOString().slice(0, 16).replace("T", " ")} UTC`;
    case "memory_context":
      return ({ memoryPinned, memoryContext }) =>
        [memoryPinned && `# Pinned Facts\n${memoryPinned}`, memoryContext && `# Relevant Knowledge\n${memoryContext}`]
          .filter(Boolean)
          .join("\n\n");
    case "tool_instructions":
      return ({ tools }) =>
        text ? `# Tool Usage\n${text}` : tools.length ? `# Tool Usage\n${tools.map((tool) => `- ${tool.name}`).join("\n")}` : "";
    case "cached":
      return () => ({ text, cache_control: { type: "ephemeral" } });
    default:
      return () => text;
  }
};
