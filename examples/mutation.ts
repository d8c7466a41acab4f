/** Changing a pipeline that serves: another model and another strategy, all at once or not at all, and taken back. */
import { MutationError, PipelinePresets } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

await using pipeline = PipelinePresets.chat({ apiKey, baseUrl });
pipeline.on("mutation.*", ({ type, data }) => console.log(type, data.kind, data.target));
pipeline.on("api.request", ({ data }) => console.log(`asks ${data.model}`));

await pipeline.run("What is the capital of France?");

pipeline.mutate((mutator) => {
  mutator.swapStrategy("context", "strategy", "hybrid", { max_recent_turns: 5 });
  mutator.updateModelConfig({ model: "claude-haiku-4-5", max_tokens: 1024 });
});
await pipeline.run("And of Spain?");

try {
  pipeline.mutator().swapStrategy("context", "strategy", "hybird");
} catch (error) {
  if (error instanceof MutationError) console.log(`${error.code}: ${error.findings[0]?.suggestion}`);
}

console.log(`taken back: ${pipeline.mutator().undo().length} changes`);
const { model } = pipeline.settings();
console.log(`${model?.value}, says the ${model?.source}`);
