/** Slot `retriever`: what memory knows about the newest instruction. */
import type { MemoryChunk } from "../../contract/host.ts";
import { lengthOf } from "../../contract/message.ts";
import { fields } from "../../contract/schema.ts";
import type { Services } from "../../contract/services.ts";
import type { MemoryRef, State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

/** Null: nothing is ever retrieved. `state` has the keys that the stage reads, others at their defaults. */
export type Retrieve = ((query: string, state: State, call: Call) => readonly MemoryChunk[] | Promise<readonly MemoryChunk[]>) | null;

const fromHost = (_config: unknown, { host }: Services): Retrieve => {
  const { retrieve } = host;
  return retrieve ? (query, state, call) => retrieve(query, state, call) : null;
};

export const retrievers = {
  null: defineStrategy<Retrieve>()({ about: "Retrieves nothing.", config: fields({}), create: () => null }),
  static: defineStrategy<Retrieve>()({
    about: "The host's fixed list, whatever the query.",
    config: fields({}),
    create: (_config, { host }) => (host.chunks ? () => host.chunks ?? [] : null),
  }),
  memory_aware: defineStrategy<Retrieve>()({
    about: "What the host's memory finds.",
    config: fields({}),
    needs: "retrieve",
    create: fromHost,
  }),
  mcp_resource: defineStrategy<Retrieve>()({
    about: "Resources of MCP servers, as the host reads them.",
    config: fields({}),
    needs: "retrieve",
    create: fromHost,
  }),
};

const isPinned = ({ source, metadata }: MemoryChunk): boolean => source === "pinned" || metadata?.layer === "pinned";

/** Each key once, the first wins. Chunks of the session's earlier turns are told again but not listed again. */
export const remembered = (chunks: readonly MemoryChunk[], known: readonly MemoryRef[]) => {
  const once = chunks.filter((chunk, i) => chunks.findIndex((other) => other.key === chunk.key) === i);
  const listed = new Set(known.map((ref) => ref.key));
  const added = once
    .filter((chunk) => !listed.has(chunk.key))
    .map(({ key, source, content, relevance_score }) => ({
      key,
      source: source ?? "",
      content_length: lengthOf(content),
      relevance: relevance_score ?? 0,
    }));
  const pinned = once.filter(isPinned).map((chunk) => chunk.content);
  const other = once.filter((chunk) => !isPinned(chunk)).map(({ source, key, content }) => `- [${source ?? ""}] ${key}: ${content}`);
  return {
    ...(added.length ? { memoryRefs: [...known, ...added] } : {}),
    ...(pinned.length ? { memoryPinned: pinned.join("\n\n") } : {}),
    ...(other.length ? { memoryContext: other.join("\n") } : {}),
  };
};
