/** One question, one answer: stages 1, 6, 7, 9 and 21. */
import { PipelinePresets } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

await using pipeline = PipelinePresets.minimal({ apiKey, baseUrl });
const result = await pipeline.run("What is the capital of France?");
console.log(result.text);
console.log(
  `${result.usage.inputTokens} tokens in, ${result.usage.outputTokens} out, ${result.totalCostUsd} USD, ${result.iterations} pass`,
);
