/** What is wrong with a document's form, at every level. Names of stages, slots and strategies, and their configs, are `compile`'s business. */
import type { Finding } from "../contract/errors.ts";
import { check, type Fields, type Json, type JsonObject } from "../contract/schema.ts";
import { ENTRY, EXTERNAL, HOST_SELECTIONS, MCP_SERVER, MEMORY, METADATA, SUBAGENT, TOOL_BINDING, TOOLS, TOP } from "./blocks.ts";
import { below } from "./copy.ts";
import { stageNamed } from "./names.ts";
import { MODEL } from "./settings.ts";

export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value: unknown): value is readonly Json[] => Array.isArray(value);

/** The codes of a block's findings: of an unknown key, which is kept, and of a value that is wrong. */
interface Codes {
  readonly unknown: string;
  readonly invalid: string;
}
const CODES: Codes = { unknown: "manifest.unknown_key", invalid: "form.invalid" };

/** A document that was read from JSON → all findings, each with its path in that document. */
export const formOf = (document: Json): Finding[] => {
  const findings: Finding[] = [];
  const add = (severity: Finding["severity"], code: string, path: string, message: string, suggestion?: string) =>
    void findings.push({ severity, code, path, message, suggestion });

  /** Whether the value is an object; its keys are looked at when it is. */
  const block = (fields: Fields, value: unknown, path: string, codes: Codes = CODES, wrong: Finding["severity"] = "error"): boolean => {
    if (!isObject(value)) {
      add("error", codes.invalid, path, path ? "must be an object" : "must be a JSON object");
      return false;
    }
    for (const problem of check(fields, value).problems) {
      const at = problem.path.reduce(below, path);
      if (problem.kind === "unknown") add("warning", codes.unknown, at, "is not a known key; it is kept", problem.suggestion);
      else add(wrong, codes.invalid, at, problem.message);
    }
    return true;
  };
  const each = (value: unknown, path: string, look: (item: Json, path: string) => void) => {
    if (isList(value)) for (const [i, item] of value.entries()) look(item, below(path, i));
  };
  /** The object under a key that may be missing. */
  const inside = (fields: Fields, value: Json | undefined, path: string, codes?: Codes) => {
    if (isObject(value)) block(fields, value, path, codes);
  };

  const entry = (given: Json, path: string) => {
    // What is no object is told of the list.
    if (!isObject(given)) return;
    block(ENTRY, given, path, { unknown: "stage.unknown_key", invalid: "form.invalid" });
    inside(TOOL_BINDING, given.tool_binding, `${path}.tool_binding`);
    if (isObject(given.model_override)) {
      const severity = given.active === false ? "warning" : "error";
      block(MODEL, given.model_override, `${path}.model_override`, { unknown: "config.unknown_key", invalid: "config.invalid" }, severity);
    }
    const { name } = given;
    const stage = typeof name === "string" ? stageNamed(name) : undefined;
    if (stage !== undefined && stage !== name)
      add("warning", "stage.old_name", `${path}.name`, `is an older name of the stage "${stage}"; it is kept`, stage);
  };
  const tools = (given: JsonObject) => {
    each(given.mcp_servers, "tools.mcp_servers", (server, path) => {
      if (!isObject(server)) return;
      block(MCP_SERVER, server, path);
      if (!server.name) add("warning", "tools.mcp_nameless", path, "has no name: it is left out");
    });
    each(given.external, "tools.external", (tool, path) => {
      if (isObject(tool)) block(EXTERNAL, tool, path);
      else if (typeof tool !== "string") add("error", "form.invalid", path, "must be a tool's name, or an object with its name");
    });
  };

  if (!isObject(document)) {
    block(TOP, document, "");
    return findings;
  }
  const { version, ...rest } = document;
  block(TOP, rest, "");
  versionOf(version, add);
  inside(METADATA, rest.metadata, "metadata");
  each(rest.stages, "stages", entry);
  inside(TOOLS, rest.tools, "tools");
  if (isObject(rest.tools)) tools(rest.tools);
  inside(HOST_SELECTIONS, rest.host_selections, "host_selections");
  each(rest.subagents, "subagents", (agent, path) => inside(SUBAGENT, agent, path));
  inside(MEMORY, rest.memory, "memory", { unknown: "memory.unknown_key", invalid: "form.invalid" });
  return findings;
};

export const VERSIONS: readonly string[] = ["1.0", "2.0", "3.0"];
/** As text: a number stands for its version (JavaScript cannot tell 1 from 1.0), and what is missing is the first. */
export const versionText = (version: Json | undefined): string =>
  version === undefined || version === null
    ? "1.0"
    : typeof version === "number" && Number.isInteger(version)
      ? version.toFixed(1)
      : String(version);

const versionOf = (
  version: Json | undefined,
  add: (severity: "error" | "warning", code: string, path: string, message: string) => void,
) => {
  if (version !== undefined && version !== null && typeof version !== "string" && typeof version !== "number")
    add("error", "form.invalid", "version", 'must be text, as "3.0"');
  else if (!VERSIONS.includes(versionText(version)))
    add(
      "warning",
      "version.unknown",
      "version",
      `"${versionText(version)}" is not known (known: ${VERSIONS.join(", ")}); it is read as the last`,
    );
};
