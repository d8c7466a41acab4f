/** The public door. */
export { type BuilderOptions, PipelineBuilder } from "./builder.ts";
export type { ChangeOptions, MutationResult } from "./changes.ts";
export { CHANNELS, type Channel, type Resolved } from "./channels.ts";
export { collect, type Fold, fold } from "./contract/collect.ts";
export {
  APIError,
  CATEGORIES,
  ConfigError,
  ERRORS,
  ErrorCategory,
  type ErrorCode,
  ExecutorErrorCode,
  type Finding,
  GenyExecutorError,
  GuardRejectError,
  MCPConnectionError,
  MutationError,
  PipelineError,
  StageError,
  ToolExecutionError,
} from "./contract/errors.ts";
export { ENGINE_EVENTS, type PipelineEvent } from "./contract/events.ts";
export { FINDINGS, type FindingCode } from "./contract/findings.ts";
export type * from "./contract/host.ts";
export type { ManifestDocument, ModelSettings, PipelineSettings, StageEntry, ToolBinding } from "./contract/manifest.ts";
export {
  type ContentBlock,
  type DocumentBlock,
  type ImageBlock,
  type MediaSource,
  type Message,
  type MessageInput,
  type Origin,
  type Role,
  type TextBlock,
  type ThinkingBlock,
  type ToolResultBlock,
  type ToolUseBlock,
  textOf,
  toolResults,
  toolUses,
} from "./contract/message.ts";
export {
  type ClientCapabilities,
  type Failover,
  type Hop,
  type ModelEvent,
  type ModelInfo,
  type ModelRequest,
  type ModelResponse,
  modelRequest,
  type Provider,
  type SessionTools,
  type StreamOptions,
  type Thinking,
} from "./contract/provider.ts";
export {
  check,
  defaults,
  type Field,
  type Fields,
  fields,
  flag,
  type Input,
  int,
  type Json,
  type JsonObject,
  json,
  jsonSchema,
  list,
  number,
  type Output,
  object,
  oneOf,
  type Problem,
  record,
  text,
} from "./contract/schema.ts";
export type {
  Approvals,
  Bounds,
  Clock,
  Dispatcher,
  Logger,
  Price,
  Pricing,
  Prompt,
  Rates,
  Services,
  Store,
  Tokens,
  Tools,
} from "./contract/services.ts";
export { Broken, type Category, defineStage, type Patch, type Stage, type StageContext } from "./contract/stage.ts";
export type * from "./contract/state.ts";
export { beginTurn, fromWire, newState, STATE, snake, toWire } from "./contract/state.ts";
export { type Call, defineStrategy, extend, many, one, type Step, type Strategy } from "./contract/strategy.ts";
export {
  defineTool,
  type Effect,
  type StandardSchema,
  type Tool,
  type ToolContext,
  type ToolOutcome,
  type ToolResult,
  type ToolSpec,
} from "./contract/tool.ts";
export { addUsage, noUsage, type Usage, type UsageSummary } from "./contract/usage.ts";
export { bounds } from "./engine/bounds.ts";
export { compile } from "./engine/compile.ts";
export type { StageDescription } from "./engine/describe.ts";
export type { Handler } from "./engine/events.ts";
export { systemClock } from "./engine/host.ts";
export type { Place } from "./engine/plan.ts";
export { tokens } from "./engine/tokens.ts";
export type { AdhocToolProvider, ToolReport } from "./external-tools.ts";
export type { HookCall, HookEvent, HookFunction } from "./hooks.ts";
export { manifestFindingsFor } from "./manifest/compat.ts";
export { type Authored, type AuthoredAgent, defineManifest } from "./manifest/define.ts";
export { EnvironmentManifest } from "./manifest/document.ts";
export type { StageIntrospection } from "./manifest/introspect.ts";
export type { MutationKind, MutationRecord, StageId } from "./manifest/mutation.ts";
export type { HostOffers } from "./manifest/selections.ts";
export { MODEL, PIPELINE_SETTINGS } from "./manifest/settings.ts";
export { type ValidateOptions, validateManifest } from "./manifest/validate.ts";
export { MCPManager, type MCPServerConfig } from "./mcp/index.ts";
export type { MemoryParts } from "./memory-parts.ts";
export { MUTATIONS, type Mutation } from "./mutation.ts";
export { PipelineMutator } from "./mutator.ts";
export { ModelOverrides } from "./options.ts";
export type { OutputSchema } from "./output.ts";
export type { OutsideOptions, ToolProvider } from "./outside.ts";
export { Pipeline, type PipelineOptions, type RunOptions } from "./pipeline.ts";
export { type Discovered, discoverPresets, type PluginPreset, type PresetFactory } from "./plugin-presets.ts";
export { type PresetInfo, PresetRegistry } from "./preset-registry.ts";
export { PipelinePresets, type PresetOptions } from "./presets.ts";
export { CredentialBundle, capabilities, type ProviderCredentials } from "./providers/index.ts";
export type { RunResult } from "./result.ts";
export type { Parts } from "./runtime.ts";
export type { ProviderSource } from "./services.ts";
export { Session, type SessionInfo, SessionManager } from "./sessions/index.ts";
export { promptBlocks } from "./stages/03-system.ts";
export { CheckpointError, CheckpointNotFound, type CheckpointRecord, restoreState } from "./stages/20-persist/checkpoint.ts";
export { listCheckpoints, loadCheckpoint } from "./stages/20-persist/files.ts";
export type { Agent } from "./subagents.ts";
export { builtinTools } from "./tools/builtin/index.ts";
export { ToolRegistry } from "./tools/registry.ts";
