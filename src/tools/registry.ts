/** The tools of a pipeline, by name. */
import { ConfigError } from "../contract/errors.ts";
import { finding } from "../contract/findings.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { Logger, Tools } from "../contract/services.ts";
import type { Tool, ToolSpec } from "../contract/tool.ts";
import { jsonSchemaOf } from "./validate.ts";

interface Entry {
  readonly tool: Tool;
  readonly core: boolean;
  readonly spec: ToolSpec;
}

export class ToolRegistry implements Tools {
  readonly #entries = new Map<string, Entry>();
  readonly #log: Pick<Logger, "warn">;
  #version = 0;
  #specs: readonly ToolSpec[] | undefined;

  /** `log` hears of names that are registered twice. Default: the console. */
  constructor({ log = console }: { log?: Pick<Logger, "warn"> } = {}) {
    this.#log = log;
  }

  /**
   * Adds a tool, in the place of the one that had its name, if any. `core`: offered in every request; default: what the tool says, else
   * true. Throws `ConfigError` when the tool has no name, or a schema that can give no JSON Schema.
   */
  register(tool: Tool, { core = tool.core ?? true }: { core?: boolean } = {}): void {
    if (!tool.name) throw refused("tools", "a tool must have a name");
    if (this.#entries.has(tool.name)) this.#log.warn(`A tool named "${tool.name}" was registered before; the new one takes its place.`);
    const spec = { name: tool.name, description: tool.description, input_schema: schemaOf(tool) };
    this.#entries.set(tool.name, { tool, core, spec });
    this.#changed();
  }

  /** False when no tool has the name. */
  unregister(name: string): boolean {
    const had = this.#entries.delete(name);
    if (had) this.#changed();
    return had;
  }

  get(name: string): Tool | undefined {
    return this.#entries.get(name)?.tool;
  }

  /** Whether every request offers it. */
  isCore(name: string): boolean {
    return this.#entries.get(name)?.core ?? false;
  }

  /** Every tool, in the order of registration. */
  list(): readonly Tool[] {
    return [...this.#entries.values()].map((entry) => entry.tool);
  }

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** What requests offer: the core tools, in the order of registration. The same array until something changes. */
  specs(): readonly ToolSpec[] {
    this.#specs ??= [...this.#entries.values()].filter((entry) => entry.core).map((entry) => entry.spec);
    return this.#specs;
  }

  get version(): number {
    return this.#version;
  }

  #changed(): void {
    this.#version += 1;
    this.#specs = undefined;
  }
}

const schemaOf = (tool: Tool): JsonObject => {
  if (tool.jsonSchema) return tool.jsonSchema;
  const schema = jsonSchemaOf(tool.input);
  if (!schema) throw refused(`tools.${tool.name}.jsonSchema`, "its schema library cannot give a JSON Schema: add one as `jsonSchema`");
  return schema;
};

const refused = (path: string, message: string) => new ConfigError([finding("tools.invalid", path, message)]);
