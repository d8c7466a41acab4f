/** The five providers as the conformance suite plays them, and the one table of how their wires differ. */
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Provider } from "geny-executor";
import { providers } from "geny-executor/providers";
import type { SuiteOptions } from "geny-executor/testing";
import { binary, optionsOf } from "./claude-code-world.ts";

type Make = (baseUrl: string, options: { readonly timeoutMs?: number | undefined }) => Promise<Provider>;
export interface Conforming extends SuiteOptions {
  readonly make: Make;
}

const apiKey = "k";
const ABLE = {
  supports_tools: true,
  supports_tool_choice: true,
  supports_thinking: true,
  supports_structured_output: true,
  supports_vision: true,
  supports_documents: true,
} as const;

export const WIRES = {
  anthropic: {
    model: "claude-sonnet-4-6",
    make: (baseUrl, options) => providers.anthropic({ apiKey, baseUrl, ...options }),
    traits: { one_refusal: "the Messages API has no other word" },
  },
  openai: {
    model: "gpt-6-astra",
    make: (url, options) => providers.openai({ apiKey, baseUrl: `${url}/v1`, ...options }),
    traits: {
      silent_stop: "the Responses API takes none, so they are dropped and announced",
      no_pause: "the Responses API has no word for it",
      no_window_stop: "the Responses API says max_output_tokens",
    },
  },
  google: {
    model: "gemini-3.1-pro",
    make: (baseUrl, options) => providers.google({ apiKey, baseUrl, ...options }),
    traits: {
      whole_calls: "Gemini sends them as one object",
      sound_calls: "Gemini says MALFORMED_FUNCTION_CALL",
      joined_texts: "Gemini's pieces have no bounds",
      silent_stop: "Gemini says STOP, as for any end",
      no_pause: "Gemini has no word for it",
      no_window_stop: "Gemini says MAX_TOKENS",
      unnumbered: "Gemini's pieces are alike",
      no_cache_writes: "Gemini counts them as fresh tokens",
    },
  },
  vllm: {
    model: "local-model",
    make: (url, options) => providers.vllm({ baseUrl: `${url}/v1`, capabilities: ABLE, ...options }),
    traits: {
      unsigned: "Chat Completions have no place for one",
      joined_texts: "a message of Chat Completions has but one",
      silent_stop: "Chat Completions say stop, as for any end",
      no_pause: "Chat Completions have no word for it",
      no_window_stop: "Chat Completions say length",
      unnumbered: "the chunks of Chat Completions are alike",
    },
  },
} as const satisfies { readonly [provider: string]: Conforming };

/** Where the `claude` program is not installed, a stand-in plays it. */
export interface Program extends AsyncDisposable {
  readonly conforming: Conforming;
  readonly real: boolean;
  /** What it says of itself. */
  readonly version: string;
}
export const program = async (): Promise<Program> => {
  const home = await mkdtemp(join(tmpdir(), "claude-home-"));
  const path = binary ?? (await standIn(home));
  return {
    real: binary !== undefined,
    version: execFileSync(path, ["--version"], { encoding: "utf8" }).trim(),
    conforming: {
      model: "claude-sonnet-4-6",
      make: (baseUrl, options) => providers.claude_code_cli({ ...optionsOf(path, home, baseUrl), ...options }),
      traits: PROGRAM,
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true, maxRetries: 5 }),
  };
};

const PROGRAM = {
  own_tools: "those of the session reach it by MCP, and it calls them itself",
  unsigned: "the program is told the conversation as a text",
  unnamed_stop: "the program does not say it",
  own_marks: "the program knows its prompt best",
  one_limit: "the program runs until it is ended",
  early_start: "the program names its session first",
  goes_on: "the program mends by itself",
  output_by_tool: "the program offers that tool to its model",
  own_codes: "exec.cli.auth_failed, exec.cli.timeout",
  no_waiting_time: "the program keeps the header to itself",
  own_reading: "it takes what came for the whole, or says in words what broke",
} as const;

const standIn = async (folder: string): Promise<string> => {
  const path = join(folder, "claude");
  await writeFile(path, `#!/bin/sh\nexec "${process.execPath}" "${join(import.meta.dirname, "claude-code-mini.ts")}" "$@"\n`);
  await chmod(path, 0o755);
  return path;
};
