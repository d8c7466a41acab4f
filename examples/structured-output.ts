/** An answer that is a value: asked for by a schema, checked, asked for again when it does not match. */
import { GenyExecutorError, PipelinePresets } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

await using pipeline = PipelinePresets.minimal({ apiKey, baseUrl });
pipeline.on("parse.output_rejected", ({ data }) => console.log(`asked again: ${data.error}`));

// A zod, valibot or arktype schema would type `output`; this one is plain JSON Schema.
const output = {
  type: "object",
  properties: { city: { type: "string" }, inhabitants: { type: "integer" } },
  required: ["city", "inhabitants"],
  additionalProperties: false,
};
try {
  const result = await pipeline.run("What is the capital of France, and how many people live there?", { output });
  console.log(result.output);
} catch (error) {
  if (error instanceof GenyExecutorError && error.code === "exec.output.invalid") console.log(error.message);
  else throw error;
}
