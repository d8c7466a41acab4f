/** The run as a stream of events. Leaving the loop cancels the run. */
import { PipelinePresets } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

await using pipeline = PipelinePresets.agent({ apiKey, baseUrl });
for await (const event of pipeline.runStream("Solve step by step: 12 * 12.")) {
  if (event.type === "text.delta") process.stdout.write(String(event.data.text));
  if (event.type === "pipeline.complete") console.log("\n", event.data);
}
