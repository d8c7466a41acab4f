/** Tokens, as the wire counts them. */
export type Usage = {
  /** Tokens read at the full price: cache reads and writes stand apart, whatever the vendor's own counting. */
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  /** Part of `cache_creation_input_tokens` that was written for one hour. */
  readonly cache_creation_1h_input_tokens?: number;
  /** What the backend itself said it cost, in US dollars. */
  readonly cost_usd: number | null;
  readonly duration_ms: number | null;
};
export const noUsage: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cost_usd: null,
  duration_ms: null,
};

const sum = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : a + b);

export const addUsage = (a: Usage, b: Usage): Usage => {
  const hour = (a.cache_creation_1h_input_tokens ?? 0) + (b.cache_creation_1h_input_tokens ?? 0);
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    cache_creation_input_tokens: a.cache_creation_input_tokens + b.cache_creation_input_tokens,
    cache_read_input_tokens: a.cache_read_input_tokens + b.cache_read_input_tokens,
    ...(hour ? { cache_creation_1h_input_tokens: hour } : {}),
    cost_usd: sum(a.cost_usd, b.cost_usd),
    duration_ms: sum(a.duration_ms, b.duration_ms),
  };
};

/** Tokens of the prompt: read fresh, read from the cache, written to it. */
export const promptTokens = (u: Usage): number => u.input_tokens + u.cache_read_input_tokens + u.cache_creation_input_tokens;

/** What a turn used, in eight numbers. */
export type UsageSummary = {
  readonly calls: number;
  readonly input_tokens: number;
  readonly first_prompt_tokens: number;
  readonly max_prompt_tokens: number;
  readonly cache_read_tokens: number;
  readonly cache_write_tokens: number;
  readonly output_tokens: number;
  /** Cache reads as a share of all prompt tokens, 0 to 1. */
  readonly cache_read_share: number;
};

export const summarizeUsage = (calls: readonly Usage[]): UsageSummary => {
  const total = calls.reduce(addUsage, noUsage);
  const prompts = calls.map(promptTokens);
  const all = promptTokens(total);
  return {
    calls: calls.length,
    input_tokens: total.input_tokens,
    first_prompt_tokens: prompts[0] ?? 0,
    max_prompt_tokens: prompts.reduce((a, b) => Math.max(a, b), 0),
    cache_read_tokens: total.cache_read_input_tokens,
    cache_write_tokens: total.cache_creation_input_tokens,
    output_tokens: total.output_tokens,
    cache_read_share: all ? total.cache_read_input_tokens / all : 0,
  };
};
