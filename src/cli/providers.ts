/** `geny providers`: what is configured, what answers, what it can do, what it costs. Asks no model anything. */
import { parseArgs } from "node:util";
import { APIError, type ClientCapabilities, type Price, type Provider } from "../index.ts";
import { CredentialBundle, claudeStatus, createPricing, type ProviderName, providers, VARIABLES } from "../providers/index.ts";
import { MODELS } from "./model.ts";

const HELP = `geny providers — what can answer here, and what it costs

  --json      as one JSON document
  --timeout S seconds that a provider may take to answer (default: 3)
  --help      this text

Exit codes: 0 something answers, 1 nothing does, 2 wrong usage.
`;
const ROWS: readonly ProviderName[] = [
  ...(["anthropic", "openai", "google", "vllm"] as const),
  ...(["ollama", "lmstudio", "geny_claude_code", "claude_code_cli"] as const),
];

interface Row {
  readonly provider: string;
  /** What it takes its credentials or address from; null: nothing is configured. */
  readonly configured: string | null;
  readonly reachable: boolean;
  /** How many models there are, or why it does not answer. */
  readonly detail: string;
  readonly can: readonly string[];
  readonly model: string | null;
  /** US dollars for a million tokens; null: not known. */
  readonly price: Pick<Price, "input" | "output"> | null;
}

/** Exit codes: 0 something answers, 1 nothing does, 2 wrong usage. */
export const run = async (argv: readonly string[]): Promise<number> => {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  const seconds = Number(values.timeout ?? 3);
  if (values.help || !(seconds > 0)) {
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const bundle = CredentialBundle.fromEnvironment();
  const rows = await Promise.all(ROWS.map((name) => rowOf(name, bundle, seconds * 1000)));
  process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));
  return rows.some(({ reachable }) => reachable) ? 0 : 1;
};

const parse = (argv: readonly string[]) =>
  parseArgs({ args: [...argv], options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" }, timeout: { type: "string" } } })
    .values;

const rowOf = async (name: ProviderName, bundle: CredentialBundle, ms: number): Promise<Row> => {
  const provider: Provider = await providers[name](bundle.get(name) ?? {});
  const model = MODELS[name] ?? null;
  const price = model ? createPricing().price(model) : null;
  const claude = name === "geny_claude_code" || name === "claude_code_cli";
  const { configured, reachable, detail } = claude ? await ofClaude() : await ofServer(name, provider, ms);
  return {
    ...{ provider: name, configured, reachable, detail, can: abilities(provider.capabilities), model },
    price: price && { input: price.input, output: price.output },
  };
};
type Answer = Pick<Row, "configured" | "reachable" | "detail">;

const ofClaude = async (): Promise<Answer> => {
  const status = await claudeStatus();
  if (!status) return { configured: null, reachable: false, detail: "the program `claude` was not found" };
  const detail = `${status.version ?? "version unknown"}, ${status.loggedIn ? `logged in (${status.method})` : "not logged in"}`;
  return { configured: status.path, reachable: status.loggedIn, detail };
};

const ofServer = async (name: ProviderName, provider: Provider, ms: number): Promise<Answer> => {
  const set = Object.values(VARIABLES[name] ?? {})
    .flat()
    .filter((variable) => process.env[variable]?.trim());
  const own = name === "ollama" || name === "lmstudio" ? "its own address" : null;
  const configured = set.length ? set.join(", ") : own;
  if (!configured) return { configured, reachable: false, detail: `set ${VARIABLES[name]?.apiKey?.[0] ?? ""}` };
  try {
    const models = (await provider.models?.({ signal: AbortSignal.timeout(ms) })) ?? [];
    return { configured, reachable: true, detail: `${models.length} model${models.length === 1 ? "" : "s"}` };
  } catch (error) {
    const said = error instanceof APIError ? `${error.code}: ${error.message}` : `no answer within ${ms / 1000} s`;
    return { configured, reachable: false, detail: said.split("\n")[0]?.slice(0, 160) ?? "" };
  } finally {
    await provider.close?.();
  }
};

const WORDS = {
  supports_tools: "tools",
  supports_thinking: "thinking",
  supports_vision: "images",
  supports_documents: "documents",
  supports_structured_output: "schemas",
  supports_prompt_caching: "cache marks",
} as const satisfies Partial<Record<keyof ClientCapabilities, string>>;
const abilities = (can: ClientCapabilities): readonly string[] =>
  Object.entries(WORDS).flatMap(([key, word]) => (can[key as keyof typeof WORDS] ? [word] : []));

const table = (rows: readonly Row[]): string => {
  const cells = rows.map((row) => [
    `${row.reachable ? "✓" : "·"} ${row.provider}`,
    row.configured ?? "not configured",
    row.model ?? "—",
    row.price ? `$${row.price.input} in, $${row.price.output} out` : "—",
    row.can.join(", "),
    row.detail,
  ]);
  const head = ["provider", "configured by", "model", "per million tokens", "can", "answers"];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((cell) => cell[i]?.length ?? 0)));
  return [head, ...cells]
    .map(
      (cell) =>
        `${cell
          .map((text, i) => text.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
};
