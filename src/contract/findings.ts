/** One table of what can be wrong, or noteworthy, in a manifest or configuration. A published code never changes its name or meaning. */
import { didYouMean, nearest } from "./nearest.ts";

/**
 * error, warning: always. active: an error, but a warning where the entry is not active. any_active: of two entries that meet, an error when one
 * of them is active. loaded: a warning in a manifest that was loaded, an error in what is written in code.
 */
type Severity = "error" | "warning" | "active" | "any_active" | "loaded";
/** `own`: a code that this implementation added; the Python program has it not. */
type Row = { readonly severity: Severity; readonly about: string; readonly own?: true };

export const FINDINGS = {
  "json.invalid": { severity: "error", about: "The file is not JSON.", own: true },
  "form.invalid": { severity: "active", about: "A value is of the wrong kind.", own: true },
  "form.too_deep": { severity: "error", about: "The document is nested deeper than any environment needs.", own: true },
  "form.too_large": { severity: "error", about: "The document is larger than any environment needs.", own: true },
  "form.cycle": { severity: "error", about: "A value refers to something that it stands in, so it is no JSON.", own: true },
  "form.forbidden_key": { severity: "error", about: "The key `__proto__`, which no manifest has.", own: true },
  "manifest.unknown_key": { severity: "warning", about: "A key of the document that is not known. It is kept.", own: true },
  "version.unknown": { severity: "warning", about: "A version that is not known. The document is read as the newest." },
  "version.migrated": { severity: "warning", about: "An older version, brought into the newest form.", own: true },
  "memory.missing_provider": { severity: "error", about: "The block `memory` names no provider." },
  "memory.unknown_provider": { severity: "error", about: "No memory provider has that name." },
  "memory.unknown_key": { severity: "warning", about: "A key of the block `memory` that is not known. It is kept." },
  "memory.unknown_config_key": { severity: "warning", about: "A key that the memory provider does not know. It is kept." },
  "memory.needs_host": { severity: "warning", about: "The block `memory` names a memory, and the host gives none.", own: true },
  "model.default_mismatch": {
    severity: "warning",
    about: "No model is set, and the provider of stage 6 does not have the default one.",
    own: true,
  },
  "model.dual_home": {
    severity: "warning",
    about: "The model stands in the block `model` and in stage 6. The one of stage 6 counts there.",
  },
  "pipeline.artifacts_unconsumed": { severity: "warning", about: "Artifacts in `pipeline` are kept, and choose nothing.", own: true },
  "tools.adhoc_unconsumed": { severity: "warning", about: "Definitions in `tools.adhoc` are kept, and make no tools." },
  "tools.scope_unconsumed": { severity: "warning", about: "`tools.scope` is kept, and limits nothing." },
  "tools.unknown_builtin": {
    severity: "loaded",
    about: "No built-in tool has that name, nor has the host one. It is left out.",
    own: true,
  },
  "tools.mcp_nameless": { severity: "warning", about: "An MCP server without a name. It is left out.", own: true },
  "tools.mcp_invalid": { severity: "error", about: "An MCP server that cannot be connected as it is described.", own: true },
  "tools.mcp_unresolved": { severity: "error", about: "An MCP server refers to a variable that has no value.", own: true },
  "tools.mcp_not_connected": {
    severity: "warning",
    about: "MCP servers are connected by `Pipeline.fromManifest`, and not by `new Pipeline`.",
    own: true,
  },
  "tools.external_unresolved": { severity: "warning", about: "No tool provider of the host's knows the tool. It is left out.", own: true },
  "tools.external_required": { severity: "error", about: "The same, of a tool without which the pipeline is not to be.", own: true },
  "tools.provider_failed": { severity: "error", about: "A tool provider of the host's failed when it was asked for a tool.", own: true },
  "tools.name_taken": {
    severity: "warning",
    about: "A tool of a server or provider has the name of another one. It is left out.",
    own: true,
  },
  "tools.schema_unchecked": {
    severity: "warning",
    about: "A tool whose JSON Schema cannot be compiled. It is offered, and what it is called with is not checked here.",
    own: true,
  },
  "tools.invalid": { severity: "error", about: "A tool that cannot be offered.", own: true },
  "subagent.needs_host": { severity: "warning", about: "A sub-agent without a `manifest`, for which the host gives no agent.", own: true },
  "selection.needs_host": {
    severity: "warning",
    about: "The block `host_selections` picks from what the host offers, and the host does not say what that is. It is left to the host.",
    own: true,
  },
  "selection.unknown": {
    severity: "warning",
    about: "The block `host_selections` picks what the host does not offer. It is left out.",
    own: true,
  },
  "subagent.malformed_entry": { severity: "error", about: "A sub-agent that is no object." },
  "subagent.missing_type": { severity: "error", about: "A sub-agent without `agent_type`, by which it is asked for." },
  "subagent.duplicate_type": { severity: "error", about: "Two sub-agents have the same `agent_type`." },
  "subagent.dual_source": { severity: "warning", about: "A sub-agent with both `env_id` and `manifest`. The manifest counts." },
  "subagent.unknown_provider": { severity: "warning", about: "No provider of that name is known, beside those that the host may add." },
  "subagent.overrides_ignored": {
    severity: "warning",
    about: "A sub-agent has an environment of its own, so its provider and model beside that do not count.",
  },
  "subagent.model_default_mismatch": {
    severity: "warning",
    about: "A sub-agent has a provider other than its parent's and no model, so it is asked for its parent's model.",
  },
  "stage.unknown_key": { severity: "warning", about: "A key of a stage entry that is not known. It is kept.", own: true },
  "stage.old_name": { severity: "warning", about: "An older name of a stage. It is understood, and kept.", own: true },
  "stage.renumbered": { severity: "warning", about: "Migrating gave the stage its order of today.", own: true },
  "stage.added": { severity: "warning", about: "Migrating added stages that older versions had not, as inactive.", own: true },
  "stage.unknown_name": { severity: "active", about: "No stage has that name." },
  "stage.duplicate_order": { severity: "any_active", about: "Two entries have the same order." },
  "stage.duplicate_name": { severity: "any_active", about: "Two entries are about the same stage. The first counts.", own: true },
  "stage.order_mismatch": { severity: "warning", about: "The order is not that of the stage. The name counts." },
  "stage.required_inactive": { severity: "error", about: "A stage without which no turn can run is not active, or not there." },
  "stage.unknown_artifact": { severity: "active", about: "The stage has no such artifact." },
  "stage.unbuildable": { severity: "active", about: "What a host gives in place of a stage is no stage." },
  "stage.override_unsupported": { severity: "warning", about: "The stage asks no model, so its `model_override` does nothing.", own: true },
  "stage.binding_unsupported": { severity: "warning", about: "The stage runs no tools, so its `tool_binding` does nothing.", own: true },
  "provider.legacy_location": {
    severity: "error",
    about: "The provider stands in `strategies`. Its place is `config.provider` of stage 6.",
  },
  "provider.legacy_mock": { severity: "warning", about: 'The provider "mock" of old blank files, read as "anthropic".', own: true },
  "provider.missing": { severity: "error", about: "Stage 6 is active and names no provider." },
  "strategy.unknown_slot": { severity: "active", about: "The stage has no such slot." },
  "strategy.unknown_impl": { severity: "active", about: "The slot has no strategy of that name." },
  "strategy.needs_host": {
    severity: "warning",
    about: "The strategy needs a part of the host that is not there. Until it is, the slot's default acts.",
    own: true,
  },
  "strategy.config_unpaired": {
    severity: "warning",
    about: "A config for an item that is not in the chain, or for a slot for which no strategy is named: then its default takes it.",
  },
  "strategy.config_dropped": { severity: "active", about: "The strategy takes no config." },
  "strategy.config_unknown_key": { severity: "active", about: "A key that the strategy does not know.", own: true },
  "strategy.config_invalid": { severity: "active", about: "The strategy cannot be made with that config." },
  "chain.unknown": { severity: "active", about: "The stage has no such chain." },
  "chain.unknown_impl": { severity: "active", about: "The chain has no item of that name." },
  "chain.order_unappliable": { severity: "warning", about: "An item stands twice in its chain. It runs once, where it stands first." },
  "config.unknown_key": {
    severity: "loaded",
    about: "A key of a stage's config, the model or the pipeline that is not known. It is kept.",
  },
  "config.invalid": { severity: "active", about: "A value of a stage's config, the model or the pipeline that is wrong.", own: true },
  "mutation.unknown": { severity: "error", about: "No change is of that kind, or one of its kind has no such key.", own: true },
  "option.unknown": { severity: "error", about: "No option in code has that name.", own: true },
  "provider.unknown": { severity: "error", about: "No provider has that name.", own: true },
  "provider.contradicts": {
    severity: "error",
    about: "A provider that a host attaches is not the one that the manifest names.",
    own: true,
  },
  "preset.unknown": { severity: "error", about: "No preset has that name.", own: true },
  "preset.invalid": { severity: "error", about: "A preset, or its name, is of the wrong form.", own: true },
  "preset.unknown_key": { severity: "warning", about: "A key of a package's preset that is not known. It is left out.", own: true },
  "preset.duplicate": { severity: "warning", about: "Two presets have one name. The one that was there first stays.", own: true },
  "preset.reserved": { severity: "error", about: "A preset has the name of one that is always there.", own: true },
  "environment.not_found": { severity: "error", about: "The folder has no environment of that id.", own: true },
  "environment.not_a_file": { severity: "error", about: "Under that id stands no plain file.", own: true },
  "environment.invalid_id": { severity: "error", about: "An id that could leave the folder.", own: true },
  "environment.unreadable": { severity: "error", about: "A file of the folder is no environment. The others are listed.", own: true },
  "import.too_large": { severity: "error", about: "An import of more bytes than any environment needs.", own: true },
  "import.too_deep": { severity: "error", about: "An import that is nested deeper than any environment needs.", own: true },
  "import.too_many": { severity: "error", about: "An import with more entries than any environment needs.", own: true },
  "import.script_too_long": { severity: "error", about: "An import with a script that is longer than any tool needs.", own: true },
  "import.dangerous_command": {
    severity: "error",
    about: "An import whose MCP server would run a program that can do anything.",
    own: true,
  },
  "option.invalid": { severity: "error", about: "An option in code that is wrong.", own: true },
  "credentials.invalid": { severity: "error", about: "Credentials of the wrong form.", own: true },
  "credentials.unresolved": { severity: "error", about: "Credentials refer to a variable or file that is not there.", own: true },
  "credentials.unreadable": { severity: "error", about: "The credentials file cannot be read.", own: true },
  "capability.unknown": { severity: "warning", about: "A flag that no account can set. It is left out.", own: true },
  "extras.unknown": { severity: "warning", about: "A key of a provider's `extras` that is not known.", own: true },
  "extras.missing": { severity: "error", about: "A key that a provider's `extras` must have.", own: true },
  "extras.invalid": { severity: "error", about: "A value of a provider's `extras` that is wrong.", own: true },
} as const satisfies Record<string, Row>;
export type FindingCode = keyof typeof FINDINGS;

/** One thing that is wrong, or noteworthy. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: FindingCode;
  /** JSON path: `stages[3].strategies.retry`; empty for the whole. */
  readonly path: string;
  readonly message: string;
  /** The nearest right name. */
  readonly suggestion?: string | undefined;
}

/** A finding as severe as its code says: where that depends, an error. */
export const finding = (code: FindingCode, path: string, message: string, suggestion?: string): Finding => ({
  severity: FINDINGS[code].severity === "warning" ? "warning" : "error",
  code,
  path,
  message,
  suggestion,
});

/** Its path and message, with what was meant. */
export const lineOf = ({ path, message, suggestion }: Finding): string =>
  `${path || "(root)"}: ${message}${suggestion ? "." : ""}${didYouMean(suggestion)}`;

/** Of options in code: on each key that is none. */
export const unknownKeys = (given: object, known: readonly string[], path: string): Finding[] =>
  Object.keys(given)
    .filter((key) => !known.includes(key))
    .map((key) => finding("option.unknown", `${path}.${key}`, `is no option (known: ${known.join(", ")})`, nearest(key, known)));
