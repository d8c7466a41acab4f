export { EnvironmentManifest } from "./document.ts";
export { MODEL, PIPELINE_SETTINGS } from "./settings.ts";
