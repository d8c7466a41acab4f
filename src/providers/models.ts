/** What is known of Anthropic's models by their names. */

const ALIASES: { readonly [alias: string]: string } = {
  opus: "claude-opus-4-7",
  sonnet: "claude-sonnet-4-6",
  haiku: "claude-haiku-4-5-20251001",
};

/** The model that an alias stands for on Anthropic's wire; any other name as it is. */
export const resolveAlias = (model: string): string => (Object.hasOwn(ALIASES, model) ? (ALIASES[model] ?? model) : model);

/** Families from Opus 4.7 on, and every one of generation 5: no sampling parameters, and they plan their thinking themselves. */
export const isAdaptiveOnly = (model: string): boolean => {
  const [, family, major, minor] = /^claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?:-|$)/.exec(model) ?? [];
  if (family === undefined) return false;
  return Number(major) >= 5 || (family === "opus" && Number(major) === 4 && Number(minor ?? 0) >= 7);
};
