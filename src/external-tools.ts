/** The tools that a manifest asks its host for by name: `tools.external`. */
import { messageOf } from "./contract/errors.ts";
import { type Finding, type FindingCode, finding } from "./contract/findings.ts";
import { nearest } from "./contract/nearest.ts";
import type { Json } from "./contract/schema.ts";
import type { Tool } from "./contract/tool.ts";

/** Gives tools by the names that a manifest's `tools.external` asks for. */
export interface AdhocToolProvider {
  readonly name?: string;
  /** Undefined for a name that it does not know. */
  get(name: string): Tool | undefined;
  /** The names that it knows, for a hint when one is not found. */
  list?(): readonly string[];
}

/** What became of the names in `tools.external`. */
export interface ToolReport {
  readonly resolved: readonly string[];
  readonly unresolved: readonly string[];
  /** Built-in tools whose place a provider's took. */
  readonly shadowed: readonly string[];
  /** Those of the unresolved ones without which the pipeline is not to be. */
  readonly requiredUnresolved: readonly string[];
}

export interface External {
  readonly tools: readonly Tool[];
  readonly report: ToolReport;
  readonly findings: readonly Finding[];
}

/** `own`: tools that the host gives in any case; they need no provider. `builtIn`: the names that are taken already. */
export const fromProviders = (
  wanted: readonly Json[],
  providers: readonly AdhocToolProvider[],
  { own, builtIn }: { readonly own: readonly string[]; readonly builtIn: readonly string[] },
): External => {
  const tools: Tool[] = [];
  const findings: Finding[] = [];
  const resolved: string[] = [];
  const missing: Asked[] = [];
  const seen = new Set<string>();
  for (const [i, entry] of wanted.entries()) {
    const asked = askedFor(entry);
    if (!asked || seen.has(asked.name)) continue;
    seen.add(asked.name);
    const { name, required } = asked;
    const report = (code: FindingCode, message: string) =>
      void findings.push(finding(code, `tools.external[${i}]`, message, nearest(name, providers.flatMap(namesIn))));
    const tool = own.includes(name) ? "own" : firstThatKnows(name, providers, (message) => report("tools.provider_failed", message));
    if (!tool) {
      missing.push(asked);
      if (required) report("tools.external_required", `no tool provider knows "${name}", which is required`);
      else report("tools.external_unresolved", `no tool provider knows "${name}": it is left out`);
      continue;
    }
    resolved.push(name);
    if (tool !== "own") tools.push(tool);
  }
  const names = (some: readonly { readonly name: string }[]) => some.map(({ name }) => name);
  return {
    tools,
    findings,
    report: {
      resolved,
      unresolved: names(missing),
      shadowed: names(tools).filter((name) => builtIn.includes(name)),
      requiredUnresolved: names(missing.filter(({ required }) => required)),
    },
  };
};

interface Asked {
  readonly name: string;
  readonly required: boolean;
}
/** Undefined for what is no name at all. */
const askedFor = (entry: Json): Asked | undefined => {
  if (typeof entry === "string") return entry ? { name: entry, required: false } : undefined;
  if (typeof entry !== "object" || entry === null || !("name" in entry)) return undefined;
  const { name, required } = entry;
  return typeof name === "string" && name ? { name, required: required === true } : undefined;
};

const namesIn = (provider: AdhocToolProvider): readonly string[] => provider.list?.() ?? [];

const firstThatKnows = (name: string, providers: readonly AdhocToolProvider[], failed: (message: string) => void): Tool | undefined => {
  for (const [i, provider] of providers.entries()) {
    const who = `the tool provider ${provider.name ? `"${provider.name}"` : `adhocProviders[${i}]`}`;
    try {
      const tool = provider.get(name);
      if (tool?.name === name) return tool;
      if (tool instanceof Promise) failed(`${who} gave a promise for "${name}": \`get\` must not be asynchronous`);
      else if (tool) failed(`${who} gave "${tool.name}" for "${name}"`);
    } catch (error) {
      failed(`${who} failed at "${name}": ${messageOf(error)}`);
    }
  }
  return undefined;
};
