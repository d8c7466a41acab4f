import { newState, type PromptBlock, type ToolSpec } from "geny-executor";
import { promptBlocks } from "../../../src/stages/03-system.ts";
import type { Difference, Vector } from "../types.ts";

type Recorded = {
  readonly block: {
    readonly persona?: string;
    readonly rules?: readonly string[];
    readonly instructions?: string;
    readonly name?: string;
    readonly content?: string;
  };
  readonly state: {
    readonly metadata?: { readonly memory_pinned?: string; readonly memory_context?: string };
    readonly tools?: readonly ToolSpec[];
  };
};

const blockOf = (kind: string, block: Recorded["block"]): PromptBlock | undefined => {
  switch (kind) {
    case "block:persona":
      return promptBlocks.persona(block.persona ?? "");
    case "block:rules":
      return promptBlocks.rules(block.rules ?? []);
    case "block:datetime":
      return promptBlocks.datetime();
    case "block:memory_context":
      return promptBlocks.memoryContext();
    case "block:tool_instructions":
      return promptBlocks.toolInstructions(block.instructions);
    case "block:custom":
      return promptBlocks.custom(block.name ?? "", block.content ?? "");
    default:
      return undefined;
  }
};

export const replay = ({ strategy, input }: Vector): unknown => {
  const { block, state } = input as Recorded;
  const { metadata = {}, tools = [] } = state;
  const made = blockOf(strategy, block);
  const text = made?.render(
    newState({ tools, memoryPinned: metadata.memory_pinned ?? "", memoryContext: metadata.memory_context ?? "" }),
    Date.UTC(2026, 10, 24),
  );
  return made && { name: made.name, text, cache_control: null };
};

export const differences: readonly Difference<Vector>[] = [];
