/** The host of a pipeline, with what stands beside it in the options and in the manifest: its memory, and the agents that work for it. */
import type { Finding } from "./contract/findings.ts";
import type { ManifestDocument } from "./contract/manifest.ts";
import { memoryFindings } from "./memory-parts.ts";
import type { PipelineOptions } from "./options.ts";
import { agentsOf, type Making } from "./subagents.ts";

export interface Hosted {
  readonly options: PipelineOptions;
  /** What the manifest names and the host has not. */
  readonly findings: readonly Finding[];
}

export const hosted = (given: PipelineOptions, document: ManifestDocument, making: Making): Hosted => {
  const options = given.memory ? { ...given, host: { ...given.host, ...given.memory } } : given;
  const { host, findings } = agentsOf(options, document, making);
  return {
    options: host ? { ...options, host } : options,
    findings: [...findings, ...memoryFindings(document, options.host)],
  };
};
