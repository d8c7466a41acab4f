/** The parts of a host that are its memory: stages 2, 18 and 19 work with them. */
import { type Finding, finding } from "./contract/findings.ts";
import type { Host } from "./contract/host.ts";
import type { ManifestDocument } from "./contract/manifest.ts";

export const MEMORY_PARTS = ["chunks", "retrieve", "history", "recordTurns", "summaries"] as const satisfies readonly (keyof Host)[];
export type MemoryParts = Pick<Host, (typeof MEMORY_PARTS)[number]>;

/** A manifest names its memory; only the host has one. */
export const memoryFindings = ({ memory }: ManifestDocument, host: Host = {}): readonly Finding[] => {
  const asked = typeof memory === "object" && memory !== null && Object.keys(memory).length > 0;
  if (!asked || MEMORY_PARTS.some((part) => host[part] !== undefined)) return [];
  const message = `is kept, and nothing remembers: the host gives its memory in the option \`memory\` (${MEMORY_PARTS.join(", ")})`;
  return [finding("memory.needs_host", "memory", message)];
};
