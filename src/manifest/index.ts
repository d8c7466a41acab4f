export { lineOf } from "../contract/findings.ts";
export { didYouMean, nearest } from "../contract/nearest.ts";
export { type Artifact, artifactsOf, moduleOf, placeOf } from "./artifacts.ts";
export { type BuildManifestOptions, buildManifest, buildManifestFor, type ManifestPreset } from "./build.ts";
export { type CatalogueEntry, describePreset, presetCatalog } from "./catalogue.ts";
export { manifestFindingsFor, type Target } from "./compat.ts";
export { type Authored, type AuthoredAgent, defineManifest } from "./define.ts";
export { type ChangeType, type Comparable, type DiffEntry, type DiffOptions, EnvironmentDiff } from "./diff.ts";
export { EnvironmentManifest } from "./document.ts";
export { type EnvironmentChanges, EnvironmentManager, type EnvironmentManagerOptions, type Listing } from "./environments.ts";
export { parseJson, readJson, writeWhole } from "./file.ts";
export { IMPORT_LIMITS } from "./import-check.ts";
export {
  type ArtifactInfo,
  type ChainIntrospection,
  type ConfigField,
  type ConfigForm,
  type IntrospectOptions,
  introspectAll,
  introspectStage,
  listArtifacts,
  type SlotIntrospection,
  type StageIntrospection,
} from "./introspect.ts";
export { manifestSchema, type SchemaParts } from "./json-schema.ts";
export { mutate } from "./mutate.ts";
export type {
  DocumentChange,
  DocumentMutation,
  MutationKind,
  MutationRecord,
  StageId,
} from "./mutation.ts";
export { stageNamed } from "./names.ts";
export { migrateManifest } from "./read.ts";
export { EnvironmentResolver, resolveVariables, type Variables, variablesOf } from "./resolve.ts";
export { EnvironmentSanitizer, isSecretName, sanitizeSecrets } from "./sanitize.ts";
export { type HostOffers, type HostSelections, hostSelectionsOf, resolveSelection } from "./selections.ts";
export { type Change, describeChanges } from "./semantic-diff.ts";
export { MODEL, PIPELINE_SETTINGS } from "./settings.ts";
export { type FromSnapshotOptions, fromSnapshot, type PipelineSnapshot, readSnapshot, type StageSnapshot, toSnapshot } from "./snapshot.ts";
export type { EnvironmentSummary } from "./summary.ts";
export { type ValidateOptions, validateManifest } from "./validate.ts";
