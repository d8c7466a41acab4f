/** Test doubles that are real on the outside: the offline model speaks the vendors' wires over HTTP. */

export type { CassetteBody, CassetteRequest } from "./cassette/canonical.ts";
export { type Recorder, type RecorderOptions, recorder } from "./cassette/recorder.ts";
export { CassetteError, type CassetteResponse, type Interaction, readCassette } from "./cassette.ts";
export { type Expected, mismatch } from "./match.ts";
export { planner } from "./planner.ts";
export type { LocalServer, ModelCard } from "./probes.ts";
export { HANDOVERS } from "./provider-suite/history.ts";
export type { Peer } from "./provider-suite/play.ts";
export { type Heard, type Scenario, TRAITS, type Trait } from "./provider-suite/scenario.ts";
export { type ProviderCase, providerSuite, SCENARIOS, type SuiteOptions } from "./provider-suite.ts";
export type { RecordedRequest } from "./recording.ts";
export { runStage, type StageOutcome, type StageRun, testServices } from "./run-stage.ts";
export {
  type Asked,
  type Fault,
  type ModelRequest,
  type Part,
  type Script,
  ScriptError,
  type ScriptedCall,
  type ScriptedThinking,
  type ScriptFunction,
  type Splice,
  type StopReason,
  scripted,
  type Turn,
  type TurnUsage,
} from "./script.ts";
export { ModelMismatch, type ModelOptions, type OfflineModel, startModel } from "./simulator.ts";
