/** The contract of a tool. */
import type { ContentBlock, MessageInput } from "./message.ts";
import type { Json, JsonObject } from "./schema.ts";
import type { ToolResultRecord } from "./state.ts";
import type { Call } from "./strategy.ts";

/** What the model is told of a tool. */
export type ToolSpec = { readonly name: string; readonly description: string; readonly input_schema: JsonObject };

/** The common interface of zod, valibot, arktype and others (standardschema.dev), as far as we use it. */
export interface StandardSchema<I = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<I> | Promise<StandardResult<I>>;
    readonly types?: { readonly input: unknown; readonly output: I } | undefined;
    /** Standard JSON Schema, where the library has it. */
    readonly jsonSchema?: { readonly input: (options: { readonly target: string }) => Record<string, unknown> };
  };
}
type StandardResult<I> =
  | { readonly value: I; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/**
 * What happens to the world. `read`: nothing. `idempotent`: twice is as once. `once`: must not be repeated. `reconcilable`: the tool can say
 * afterwards whether it happened.
 */
export type Effect = "read" | "idempotent" | "once" | "reconcilable";

export interface ToolContext extends Call {
  readonly sessionId: string;
  /** The same for every attempt at one call of one turn. */
  readonly idempotencyKey: string;
  readonly toolUseId: string;
  /** Absolute; relative paths of inputs are taken from here. */
  readonly workingDir: string;
  /** Absolute folders that file tools may touch, links resolved. Null: anywhere. */
  readonly allowedPaths: readonly string[] | null;
  /** Where large results go. Null: they stay in the message. */
  readonly storagePath: string | null;
  /** Added to the environment that subprocesses get. */
  readonly env: { readonly [name: string]: string };
  /** The keys that tools share (`executor.*`, `memory.*`, `geny.*`, `plugin.*`), as they were when the call began. */
  readonly shared: JsonObject;
}

export interface ToolResult {
  /** Text, blocks, or any JSON value. */
  readonly content: string | readonly ContentBlock[] | Json;
  readonly isError?: boolean;
  /** What the model reads in place of the content. */
  readonly display?: string;
  /** Written to `shared` when the call succeeded: keys under `executor.`, `memory.`, `geny.`, `plugin.` only. */
  readonly mutations?: JsonObject;
  /** Messages appended after the results. */
  readonly newMessages?: readonly MessageInput[];
  readonly metadata?: JsonObject;
}

export interface Tool<I = any> {
  readonly name: string;
  readonly description: string;
  /** Any Standard Schema with a JSON Schema of its own, or a raw JSON Schema. */
  readonly input: StandardSchema<I> | JsonObject;
  /** For a Standard Schema that cannot give its JSON Schema. */
  readonly jsonSchema?: JsonObject;
  readonly effect: Effect;
  /** May run beside other calls. Default: true for `read`. May depend on the input. */
  readonly concurrencySafe?: boolean | ((input: I) => boolean);
  /** Characters of a result that go to the model whole; more is put into a file and shown in part. Default 100000; 0: never. */
  readonly resultLimit?: number;
  /** Milliseconds after which a call is aborted and answered with an error. Default: 10 minutes; 0: no limit but the run's own. */
  readonly timeoutMs?: number;
  /** Offered in every request; others only once they were searched for. Default true. */
  readonly core?: boolean;
  run(input: I, ctx: ToolContext): Promise<ToolResult | string> | ToolResult | string;
  /** For `reconcilable`: what became of the effect. */
  reconcile?(effectId: string, ctx: ToolContext): Promise<ToolResult | "unknown">;
}

/** Types `run` from the input schema. */
export const defineTool = <I = JsonObject>(tool: Tool<I>): Tool<I> => tool;

/** What the tool answers the model, as events and state carry it. */
export type ToolOutcome = {
  readonly block: ToolResultRecord;
  readonly isError: boolean;
  readonly mutations: JsonObject;
  readonly newMessages: readonly MessageInput[];
  readonly durationMs: number;
};
