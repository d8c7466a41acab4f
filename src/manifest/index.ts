export { type Artifact, artifactsOf, moduleOf, placeOf } from "./artifacts.ts";
export { manifestFindingsFor, type Target } from "./compat.ts";
export { type Authored, defineManifest } from "./define.ts";
export { EnvironmentManifest } from "./document.ts";
export {
  type ArtifactInfo,
  type ChainIntrospection,
  type ConfigField,
  type ConfigForm,
  introspectAll,
  introspectStage,
  listArtifacts,
  type SlotIntrospection,
  type StageIntrospection,
} from "./introspect.ts";
export { manifestSchema, type SchemaParts } from "./json-schema.ts";
export { migrateManifest } from "./read.ts";
export { MODEL, PIPELINE_SETTINGS } from "./settings.ts";
export { type ValidateOptions, validateManifest } from "./validate.ts";
