/** Hands stage 12's work to the agents that a manifest's roster describes and that its host gives. */
import { type Child, childOf, limitOf, type Parent } from "./child.ts";
import type { Spent } from "./contract/bill.ts";
import { messageOf } from "./contract/errors.ts";
import { type Finding, finding } from "./contract/findings.ts";
import type { Delegated, Host } from "./contract/host.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import type { DelegateRequest, State } from "./contract/state.ts";
import { EnvironmentManifest } from "./manifest/document.ts";
import { type RosterEntry, rosterOf } from "./manifest/roster.ts";
import type { ModelOverrides } from "./options.ts";
import type { Pipeline, PipelineOptions } from "./pipeline.ts";
import type { RunResult } from "./result.ts";

type Delegate = NonNullable<Host["delegate"]>;
/** A function, a pipeline of the host's, or a manifest: then a pipeline is made for each task, and closed after it. */
export type Agent = Delegate | Pipeline | EnvironmentManifest | ManifestDocument;

/** `make`: a pipeline. `id`: a new one. */
export type Making = Parent & { make(child: Child): Pipeline; id(): string };

export interface Agents {
  /** The host with them. */
  at(host: Host): Host;
  /** Those of the roster whom this host does not have. */
  missingAt(host: Host): readonly Finding[];
}

/** An agent given in code wins over the roster's; any other type goes to the host's own `delegate`. */
export const agentsOf = (given: PipelineOptions["subagents"] = {}, document: ManifestDocument, making: Making): Agents => {
  const roster = rosterOf(document);
  const types = new Map(roster.map((entry) => [entry.type, entry]));
  const agents = new Map<string, Agent>(Object.entries(given));
  const unstaffed = roster.filter(({ type, manifest }) => !manifest && !agents.has(type));

  /** One task of an agent that is a manifest. */
  const made = async (manifest: object, allowed: readonly string[] | null, ...[request, state, call]: Parameters<Delegate>) => {
    const pipeline = making.make(childOf(documentOf(manifest), allowed, state, making));
    try {
      return await asked(pipeline, request, state, { signal: call.signal, id: making.id() });
    } finally {
      await pipeline.close();
    }
  };
  const delegateAt = (host: Host, ...[request, state, call]: Parameters<Delegate>): Promise<Delegated> | Delegated => {
    const { agent_type: type } = request;
    const agent = agents.get(type);
    const entry = types.get(type);
    if (typeof agent === "function") return agent(request, state, call);
    if (agent && isPipeline(agent)) {
      const most = limitOf(agent.settings().cost_budget_usd?.value, state);
      return asked(agent, request, state, {
        signal: call.signal,
        id: making.id(),
        overrides: most === null ? {} : { costBudgetUsd: most },
      });
    }
    if (agent) return made(agent, null, request, state, call);
    if (entry?.manifest) return made(entry.manifest, entry.allowed, request, state, call);
    return host.delegate ? host.delegate(request, state, call) : { success: false, text: "", error: `unknown_agent_type: ${type}` };
  };
  const typeAt = (host: Host, type: string) => types.get(type)?.metadata ?? (agents.has(type) ? UNTOLD : (host.agentType?.(type) ?? null));

  const none = !agents.size && unstaffed.length === roster.length;
  return {
    at(host) {
      const delegate: Delegate = async (...asking) => delegateAt(host, ...asking);
      return none ? host : { ...host, delegate, agentType: (type) => typeAt(host, type) };
    },
    missingAt: (host) => (host.delegate ? [] : unstaffed.map(needsHost)),
  };
};

/** What is known of an agent of which nothing is said. */
const UNTOLD = { description: "", allowed_tools: [], provider: null, model_override: null, parallel: false, max_concurrent: 1, extras: {} };

const isPipeline = (agent: Exclude<Agent, Delegate>): agent is Pipeline => "run" in agent && typeof agent.run === "function";
export const isManifest = (agent: Agent): agent is EnvironmentManifest | ManifestDocument =>
  typeof agent !== "function" && !isPipeline(agent);
const documentOf = (manifest: object): ManifestDocument =>
  (manifest instanceof EnvironmentManifest ? manifest : EnvironmentManifest.fromJSON(manifest)).toJSON();

/** A turn of the agent. A failure, and an abort, is an answer too, so that what it has cost is not lost. */
const asked = async (
  pipeline: Pipeline,
  { agent_type, task }: DelegateRequest,
  { sessionId: parent }: State,
  { signal, id, overrides = {} }: { readonly signal: AbortSignal; readonly id: string; readonly overrides?: ModelOverrides },
): Promise<Delegated> => {
  const sessionId = `${parent}-sub-${agent_type}-${id}`;
  let result: RunResult | undefined;
  try {
    const onResult = (told: RunResult) => {
      result = told;
    };
    const { success, text, completionDetail } = await pipeline.run(task, { signal, sessionId, overrides, onResult });
    return { success, text, error: success ? null : completionDetail, ...spentBy(result) };
  } catch (thrown) {
    return { success: false, text: result?.text ?? "", error: messageOf(thrown), ...spentBy(result) };
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
