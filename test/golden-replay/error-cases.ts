/** `errors.json`: codes, categories, and what a failure's event says. */

import {
  APIError,
  CATEGORIES,
  ErrorCategory as Categories,
  ConfigError,
  compile,
  defineStage,
  ERRORS,
  type ErrorCategory,
  type ErrorCode,
  ExecutorErrorCode,
  fields,
  GenyExecutorError,
  GuardRejectError,
  MCPConnectionError,
  MutationError,
  newState,
  PipelineError,
  StageError,
  ToolExecutionError,
} from "geny-executor";
import { directHost } from "../../src/engine/host.ts";
import { place } from "../../src/engine/plan.ts";
import { runTurn } from "../../src/engine/run.ts";
import { testServices } from "../../src/testing/run-stage.ts";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

interface ErrorsFile {
  readonly codes?: readonly {
    readonly member: string;
    readonly value: string;
    readonly categories: readonly string[];
    readonly recoverable: boolean | null;
  }[];
  readonly categories?: readonly {
    readonly member: string;
    readonly value: string;
    readonly is_recoverable: boolean;
    readonly is_fatal: boolean;
    readonly default_code: string;
  }[];
  readonly event_payloads?: readonly {
    readonly raised: string;
    readonly event_data: { readonly code: string; readonly exception_type: string };
  }[];
}
const file = "errors.json";

export const errorCases = (): Case[] => {
  const { codes = [], categories = [], event_payloads = [] } = load<ErrorsFile>(file) ?? {};
  return [
    ...codes.map(({ member, value, categories: of, recoverable }) => ({
      file,
      name: value,
      expected: { member: value, categories: of, recoverable },
      got: () => codeOf(member, recoverable),
    })),
    ...categories.map(({ member, value, ...rest }) => ({
      file,
      name: `category ${value}`,
      expected: { member: value, ...rest },
      got: () => categoryOf(member),
    })),
    ...event_payloads.map(({ raised, event_data: { code, exception_type } }) => ({
      file,
      name: `raised ${raised}`,
      expected: { code, exception_type: exception_type.split(".").at(-1) },
      got: () => eventOf(raised),
    })),
  ];
};

const entryOf = <T>(table: { readonly [member: string]: T }, member: string): T | undefined => table[member];

const codeOf = (member: string, recoverable: boolean | null) => {
  const value: ErrorCode | undefined = entryOf<ErrorCode>(ExecutorErrorCode, member);
  const of = Object.entries(CATEGORIES).filter(([, row]) => row.code === value);
  return {
    member: value,
    categories: of.map(([name]) => name),
    // Null there: the Python table says nothing of a code that no category has.
    recoverable: value === undefined || recoverable === null ? null : ERRORS[value].recoverable,
  };
};
const categoryOf = (member: string) => {
  const value: ErrorCategory | undefined = entryOf<ErrorCategory>(Categories, member);
  const row = value && CATEGORIES[value];
  return { member: value, is_recoverable: row?.recoverable, is_fatal: row?.fatal, default_code: row?.code };
};

/** The `stage.error` of a stage that throws it. */
const eventOf = async (raised: string) => {
  const stage = defineStage({
    name: "one",
    about: "throws",
    category: "execution",
    config: fields({}),
    reads: [],
    writes: [],
    slots: {},
    events: {},
    run(): never {
      throw make(raised);
    },
  });
  const services = testServices();
  const places = place({ setup: [], loop: [stage], surface: [] });
  const { plan } = compile({ entries: [{ order: 1, name: "one" }], places, services, unknownKeys: "error" });
  let told: unknown;
  const publish = (type: string, _: string, data: { readonly [key: string]: unknown }) => {
    if (type === "stage.error") told = { code: data.code, exception_type: data.exception_type };
  };
  const signal = new AbortController().signal;
  await runTurn({ plan, services, runId: "r", state: newState(), signal, graceMs: 1000, publish, step: directHost }).catch(() => {});
  return told;
};

/** `APIError category=auth code=exec.api.auth.expired`, as the recording words it. */
const make = (raised: string): Error => {
  const [name = "", ...rest] = raised.split(" ");
  const given = new Map(rest.map((part) => part.split("=") as [string, string]));
  const category = given.get("category") as ErrorCategory | undefined;
  const code = given.get("code") as ErrorCode | undefined;
  const made = MAKERS[name];
  return made ? made({ category, code }) : Object.assign(new Error("message"), { name });
};
interface Options {
  readonly category: ErrorCategory | undefined;
  readonly code: ErrorCode | undefined;
}
const given = ({ category, code }: Options) => ({ ...(category ? { category } : {}), ...(code ? { code } : {}) });
const MAKERS: { readonly [name: string]: (options: Options) => Error } = {
  GenyExecutorError: (o) => new GenyExecutorError("message", given(o)),
  PipelineError: (o) => new PipelineError("message", given(o)),
  ConfigError: () => new ConfigError([]),
  StageError: (o) => new StageError("message", { stage: "one", order: 1, ...given(o) }),
  GuardRejectError: () => new GuardRejectError("message", { guard: "g" }),
  APIError: (o) => new APIError("message", given(o)),
  ToolExecutionError: () => new ToolExecutionError("message", { tool: "t" }),
  MutationError: (o) => new MutationError("message", given(o)),
  MutationLocked: () => new MutationError("message", { code: "exec.mutation.locked" }),
  MCPConnectionError: () => new MCPConnectionError("message", { server: "s" }),
};
