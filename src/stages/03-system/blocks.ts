/** The built-in parts of a prompt, for hosts that compose one: `{ promptBlocks: { blocks: [persona("…"), datetime()] } }`. */
import type { PromptBlock } from "../../contract/host.ts";

/** Who the agent is. */
export const persona = (text: string): PromptBlock => custom("persona", text);

/** A numbered list of rules. */
export const rules = (list: readonly string[]): PromptBlock =>
  custom("rules", ["# Rules", ...list.map((rule, i) => `${i + 1}. ${rule}`)].join("\n"));

/** The date and time of the turn, to the minute, in UTC. */
export const datetime = (): PromptBlock => ({
  name: "datetime",
  volatile: true,
  render: (_state, now) => `Current date: ${new Date(now).toISOString().slice(0, 16).replace("T", " ")} UTC`,
});

/** What stage 2 recalled. */
export const memoryContext = (): PromptBlock => ({
  name: "memory_context",
  volatile: true,
  render: ({ memoryPinned, memoryContext: other }) =>
    [
      ["# Pinned Facts", memoryPinned.trim()],
      ["# Relevant Knowledge", other.trim()],
    ]
      .filter(([, text]) => text !== "")
      .map((part) => part.join("\n"))
      .join("\n\n"),
});

const USE_TOOLS = "Call a tool when it gives you a fact or an effect that you cannot give yourself. Read its result before you answer.";

/** How to use tools. Without instructions of the host's: a general one, when there are tools at all. */
export const toolInstructions = (instructions = ""): PromptBlock => ({
  name: "tool_instructions",
  render: ({ tools }) => (instructions || tools.length ? `# Tool Usage\n${instructions || USE_TOOLS}` : ""),
});

/** A text of the host's. */
export const custom = (name: string, content: string): PromptBlock => ({ name, render: () => content });
