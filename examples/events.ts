/** One channel out: handlers by name, by prefix or for everything. */
import { PipelinePresets } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

await using pipeline = PipelinePresets.chat({ apiKey, baseUrl });
pipeline.on("stage.enter", (e) => console.log("enter", e.stage));
pipeline.on("api.*", (e) => console.log(e.type, JSON.stringify(e.data)));
const off = pipeline.on("*", (e) => console.log(e.seq, e.type));
await pipeline.run("Hello.");
off();
// Who comes late reads on from where it stopped: the newest 2048 events are kept.
let shown = 0;
for await (const event of pipeline.events({ replayFrom: -1 })) {
  console.log("again", event.seq, event.type);
  shown += 1;
  if (event.type === "pipeline.complete" || shown > 100) break;
}
