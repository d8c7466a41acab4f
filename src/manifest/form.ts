/** What is wrong with a document's form, at every level. Names of stages, slots and strategies, and their configs, are `compile`'s business. */
import { type Finding, type FindingCode, finding } from "../contract/findings.ts";
import { check, type Fields, type Json, type JsonObject } from "../contract/schema.ts";
import { ENTRY, EXTERNAL, HOST_SELECTIONS, MCP_SERVER, MEMORY, METADATA, SUBAGENT, TOOL_BINDING, TOOLS, TOP } from "./blocks.ts";
import { below } from "./copy.ts";
import { isObject } from "./json.ts";
import { stageNamed } from "./names.ts";
import { MODEL } from "./settings.ts";

const isList = (value: unknown): value is readonly Json[] => Array.isArray(value);

/** The codes of a block's findings: of an unknown key, which is kept, and of a value that is wrong. */
interface Codes {
  readonly unknown: FindingCode;
  readonly invalid: FindingCode;
}
const FORM: Codes = { unknown: "manifest.unknown_key", invalid: "form.invalid" };

/** On the keys of a block that is there. What stands in its place and is no object is told of the block around it. */
const block = (fields: Fields, value: Json | undefined, path: string, codes = FORM, wrong: Finding["severity"] = "error"): Finding[] =>
  isObject(value)
    ? check(fields, value).problems.map(({ kind, message, path: within, suggestion }): Finding => {
        const at = within.reduce(below, path);
        return kind === "unknown"
          ? { severity: "warning", code: codes.unknown, path: at, message: "is not a known key; it is kept", suggestion }
          : { severity: wrong, code: codes.invalid, path: at, message };
      })
    : [];
const each = (value: Json | undefined, path: string, look: (item: Json, path: string) => readonly Finding[]): Finding[] =>
  isList(value) ? value.flatMap((item, i) => look(item, below(path, i))) : [];

/** A document that was read from JSON → all findings, each with its path in that document. */
export const formOf = (document: Json): Finding[] => {
  if (!isObject(document)) return [finding(FORM.invalid, "", "must be a JSON object")];
  const { version, ...rest } = document;
  return [
    ...block(TOP, rest, ""),
    ...versionForm(version),
    ...block(METADATA, rest.metadata, "metadata"),
    ...each(rest.stages, "stages", entryForm),
    ...block(TOOLS, rest.tools, "tools"),
    ...(isObject(rest.tools) ? toolsForm(rest.tools) : []),
    ...block(HOST_SELECTIONS, rest.host_selections, "host_selections"),
    ...each(rest.subagents, "subagents", (agent, path) =>
      isObject(agent) ? block(SUBAGENT, agent, path) : [finding("subagent.malformed_entry", path, "must be an object")],
    ),
    ...block(MEMORY, rest.memory, "memory", { ...FORM, unknown: "memory.unknown_key" }),
  ];
};

const SETTINGS: Codes = { unknown: "config.unknown_key", invalid: "config.invalid" };
const entryForm = (entry: Json, path: string): Finding[] => {
  if (!isObject(entry)) return [];
  const { name } = entry;
  const stage = typeof name === "string" ? stageNamed(name) : undefined;
  const old = finding("stage.old_name", `${path}.name`, `is an older name of the stage "${stage}"; it is kept`, stage);
  return [
    ...block(ENTRY, entry, path, { ...FORM, unknown: "stage.unknown_key" }),
    ...block(TOOL_BINDING, entry.tool_binding, `${path}.tool_binding`),
    ...block(MODEL, entry.model_override, `${path}.model_override`, SETTINGS, entry.active === false ? "warning" : "error"),
    ...(stage === undefined || stage === name ? [] : [old]),
  ];
};

const toolsForm = ({ mcp_servers, external }: JsonObject): Finding[] => [
  ...each(mcp_servers, "tools.mcp_servers", (server, path) => [
    ...block(MCP_SERVER, server, path),
    ...(isObject(server) && !server.name ? [finding("tools.mcp_nameless", path, "has no name: it is left out")] : []),
  ]),
  ...each(external, "tools.external", (tool, path) =>
    isObject(tool) || (typeof tool === "string" && tool)
      ? block(EXTERNAL, tool, path)
      : [finding(FORM.invalid, path, "must be a tool's name, or an object with its name")],
  ),
];

export const VERSIONS: readonly string[] = ["1.0", "2.0", "3.0"];
/** As text: a number stands for its version (JavaScript cannot tell 1 from 1.0), and what is missing is the first. */
export const versionText = (version: Json | undefined): string =>
  version === undefined || version === null
    ? "1.0"
    : typeof version === "number" && Number.isInteger(version)
      ? version.toFixed(1)
      : typeof version === "string"
        ? version
        : JSON.stringify(version);

const versionForm = (version: Json | undefined): Finding[] => {
  const path = "version";
  if (version !== undefined && version !== null && typeof version !== "string" && typeof version !== "number")
    return [finding(FORM.invalid, path, 'must be text, as "3.0"')];
  if (VERSIONS.includes(versionText(version))) return [];
  const message = `"${versionText(version)}" is not known (known: ${VERSIONS.join(", ")}); it is read as the last`;
  return [finding("version.unknown", path, message)];
};
