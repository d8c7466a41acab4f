/** What a turn costs, and a limit that is kept: the answer is asked for no longer than the money lasts, or the call is refused. */
import { GuardRejectError, PipelineBuilder } from "geny-executor";
import { modelFacts } from "geny-executor/providers";
import { apiKey, baseUrl } from "./_key.ts";

const model = "claude-sonnet-4-6";
console.log(`${model} reads ${modelFacts(model).contextWindow} tokens and answers with ${modelFacts(model).maxOutput}.`);

const withLimit = (costBudgetUsd: number) => {
  const pipeline = new PipelineBuilder("thrifty", { apiKey, baseUrl }).withModel({ model, maxTokens: 8192, costBudgetUsd }).build();
  pipeline.on("api.max_tokens_lowered", ({ data }) => console.log(`an answer of ${data.to} tokens in place of ${data.from}`));
  pipeline.on("token.tracked", ({ data }) => console.log(`${data.prompt_tokens} tokens in, ${data.output_tokens} out: $${data.cost_usd}`));
  return pipeline;
};

await using thrifty = withLimit(0.05);
console.log((await thrifty.run("Why do cats purr?")).text);

await using broke = withLimit(0.001);
try {
  await broke.run("And dogs?");
} catch (error) {
  if (!(error instanceof GuardRejectError)) throw error;
  console.log(`refused before anything was spent: ${error.message}`);
}
