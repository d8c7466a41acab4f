/** The config of stage 6: who is asked, and how it is reached. */
import { fields, flag, int, number, type Output, oneOf, rows, text } from "../../contract/schema.ts";
import type { Connection } from "../../contract/services.ts";

/** The names of both releases of the Python program. */
const PROVIDERS = [
  "anthropic",
  "openai",
  "google",
  "vllm",
  "claude_code_cli",
  "geny_claude_code",
  "geny_codex",
  "geny_router",
  "ollama",
  "lmstudio",
  "custom",
  "local",
  "mock",
] as const;
const ROUTER = "geny_router";

/** `own`: providers of the host's, beside ours. */
export const configWith = (own: readonly string[]) => {
  const names: readonly string[] = [...new Set([...PROVIDERS, ...own])];
  const target = fields({
    provider: oneOf(
      names.filter((name) => name !== ROUTER),
      { about: "who answers" },
    ),
    model: text({ about: "the model; empty for the one that is asked for", default: "" }),
    account: text({ about: "the account: its credentials stand in the bundle as provider:account; empty: as provider", default: "" }),
    kind: oneOf(["plan", "metered"], {
      about: "plan: a limit holds for the whole account; metered: for one model of it; null: as is usual for the provider",
      default: null,
    }),
    max_tokens: int({ about: "most tokens of an answer; null for as many as are asked for", min: 1, default: null }),
    thinking: flag({ about: "false: never asked to think", default: true }),
  });
  return fields({
    provider: oneOf(names, { about: "who answers", default: "anthropic" }),
    base_url: text({ about: "the provider's address; empty for its own", default: "" }),
    stream: flag({ about: "whether pieces of the answer are told as they come; null: as the pipeline says", default: null }),
    timeout_ms: int({
      about:
        "milliseconds until there is a connection, until the answer begins, and between two pieces of it; 0 for the provider's own limits. For a backend that is a program: until it has answered",
      min: 0,
      default: 0,
    }),
    min_output_tokens: int({
      about: "tokens of an answer that must be affordable; a call with less left is refused rather than made shorter",
      min: 1,
      default: 256,
    }),
    permission_requester: oneOf(["callback", "pipeline_resume"], {
      about: "who is asked when the backend wants to run a tool of its own: the host's `approve`, or whoever answers by `pipeline.resume`",
      default: "callback",
    }),
    permission_timeout_s: number({
      about: "seconds that the answer may take; then the tool does not run; 0: no limit",
      min: 0,
      default: 0,
    }),
    targets: rows(target, { about: `only for ${ROUTER}: who is asked, and who after them when they cannot answer` }),
    balance: flag({ about: "only with targets: neighbours that differ in their account alone take turns", default: false }),
  });
};
export type ApiConfig = Output<ReturnType<typeof configWith>>;

/** How the provider is reached. Empty when it is as its credentials say. */
export const connection = ({ base_url, timeout_ms, targets, balance }: ApiConfig): Connection => ({
  ...(base_url ? { baseUrl: base_url } : {}),
  ...(timeout_ms ? { timeoutMs: timeout_ms } : {}),
  ...(targets.length ? { targets: targets.map(({ max_tokens, ...target }) => ({ ...target, maxTokens: max_tokens })) } : {}),
  ...(balance ? { balance } : {}),
});
