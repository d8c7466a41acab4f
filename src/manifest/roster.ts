/** The agents that a manifest's `subagents` names. */
import type { Host, SubagentMetadata } from "../contract/host.ts";
import type { ManifestDocument } from "../contract/manifest.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { isObject } from "./json.ts";

export interface RosterEntry {
  readonly type: string;
  readonly path: string;
  /** Null: none of its own; an empty object is none. */
  readonly manifest: JsonObject | null;
  /** The only tools that it may have. Null: all that its manifest names. */
  readonly allowed: readonly string[] | null;
  readonly metadata: SubagentMetadata;
}

/** What has no type is no entry. */
export const rosterOf = ({ subagents }: ManifestDocument): readonly RosterEntry[] =>
  (Array.isArray(subagents) ? subagents : []).flatMap((entry: Json, i): RosterEntry[] => {
    if (!isObject(entry) || typeof entry.agent_type !== "string" || !entry.agent_type) return [];
    const { agent_type: type, manifest = null, allowed_tools, description, provider, model_override } = entry;
    const model = entry.model ?? (isObject(model_override) ? model_override.model : undefined);
    const allowed = Array.isArray(allowed_tools) ? textsOf(allowed_tools) : null;
    const metadata = {
      ...{ description: textOr(description, ""), provider: textOr(provider, null), model_override: textOr(model, null) },
      ...{ allowed_tools: allowed ?? [], parallel: false, max_concurrent: 1, extras: {} },
    };
    return [
      { type, path: `subagents[${i}]`, manifest: isObject(manifest) && Object.keys(manifest).length ? manifest : null, allowed, metadata },
    ];
  });

const textOr = <T>(value: Json | undefined, other: T): string | T => (typeof value === "string" && value ? value : other);
export const textsOf = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];

/** The host, as it can delegate to the agents whose manifests stand in the roster, and to those that are given beside it. */
export const withRoster = (host: Host | undefined, document: ManifestDocument, beside: readonly string[] = []): Host => {
  const staffed = beside.length > 0 || rosterOf(document).some(({ manifest }) => manifest !== null);
  return staffed ? { delegate: async () => ({ success: false, text: "", error: null }), ...host } : (host ?? {});
};
