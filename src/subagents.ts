/** Hands stage 12's work to the agents that a manifest's roster describes and that its host gives. */
import { childOf, type Parent } from "./child.ts";
import type { Spent } from "./contract/bill.ts";
import { asError } from "./contract/errors.ts";
import { type Finding, finding } from "./contract/findings.ts";
import type { Delegated, Host } from "./contract/host.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { JsonObject } from "./contract/schema.ts";
import type { DelegateRequest, State } from "./contract/state.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { type RosterEntry, rosterOf } from "./manifest/roster.ts";
import type { Pipeline, PipelineOptions } from "./pipeline.ts";
import type { RunResult } from "./result.ts";

type Delegate = NonNullable<Host["delegate"]>;
/** A function, a pipeline of the host's, or a manifest: then a pipeline is made for each task, and closed after it. */
export type Agent = Delegate | Pipeline | EnvironmentManifest | ManifestDocument;

/** `make`: a pipeline. */
export type Making = Parent & { make(options: PipelineOptions): Pipeline };

export interface Agents {
  /** The host with them; undefined: it is as it was. */
  readonly host: Host | undefined;
  /** Who is missing. */
  readonly findings: readonly Finding[];
}

/** An agent of the host's wins over one of the roster's. Who is neither is the business of the host's own `delegate`. */
export const agentsOf = (
  { host = {}, subagents = {} }: Pick<PipelineOptions, "host" | "subagents">,
  document: ManifestDocument,
  making: Making,
): Agents => {
  const roster = rosterOf(document);
  const types = new Map(roster.map((entry) => [entry.type, entry]));
  const agents = new Map<string, Agent>(Object.entries(subagents));
  const inline = roster.filter(({ type, manifest }) => manifest && !agents.has(type));
  const findings = host.delegate ? [] : roster.filter(({ type, manifest }) => !manifest && !agents.has(type)).map(needsHost);
  if (!agents.size && !inline.length) return { host: undefined, findings };

  const delegate: Delegate = async (request, state, call) => {
    const { agent_type: type } = request;
    const agent = agents.get(type);
    const entry = types.get(type);
    const manifest = agent ?? entry?.manifest;
    if (typeof manifest === "function") return manifest(request, state, call);
    if (manifest && isPipeline(manifest)) return asked(manifest, request, state, call.signal);
    if (manifest) {
      const allowed = agent ? null : (entry?.allowed ?? null);
      const pipeline = making.make(childOf(documentOf(manifest), allowed, state, making));
      try {
        return await asked(pipeline, request, state, call.signal);
      } finally {
        await pipeline.close();
      }
    }
    return host.delegate ? host.delegate(request, state, call) : { success: false, text: "", error: `unknown_agent_type: ${type}` };
  };
  const agentType = (type: string) => types.get(type)?.metadata ?? (agents.has(type) ? UNTOLD : (host.agentType?.(type) ?? null));
  return { host: { ...host, delegate, agentType }, findings };
};

/** What is known of an agent of which nothing is said. */
const UNTOLD = { description: "", allowed_tools: [], provider: null, model_override: null, parallel: false, max_concurrent: 1, extras: {} };

const isPipeline = (agent: Exclude<Agent, Delegate> | JsonObject): agent is Pipeline => "run" in agent && typeof agent.run === "function";
const documentOf = (manifest: object): ManifestDocument =>
  (manifest instanceof EnvironmentManifest ? manifest : EnvironmentManifest.fromJSON(manifest)).toJSON();

/** A turn of the agent. A failure, and an abort, is an answer too, so that what it has cost is not lost. */
const asked = async (pipeline: Pipeline, { agent_type, task }: DelegateRequest, state: State, signal: AbortSignal): Promise<Delegated> => {
  const sessionId = `${state.sessionId}-${agent_type}-${crypto.randomUUID().slice(0, 8)}`;
  let result: RunResult | undefined;
  try {
    const { success, text, completionDetail } = await pipeline.run(task, { signal, sessionId, onResult: (told) => (result = told) });
    return { success, text, error: success ? null : completionDetail, ...spentBy(result) };
  } catch (thrown) {
    return { success: false, text: result?.text ?? "", error: asError(thrown).message, ...spentBy(result) };
  }
};

const spentBy = (result: RunResult | undefined): { readonly spent?: Spent } => {
  if (!result) return {};
  const { tokenUsage: usage, totalCostUsd: cost, heldCostUsd: held } = result.state;
  return { spent: { usage, cost, held } };
};

const needsHost = ({ path, type }: RosterEntry): Finding =>
  finding(
    "subagent.needs_host",
    path,
    `has no \`manifest\`: give an agent for "${type}" in the option \`subagents\`; until then nobody answers for it`,
  );
