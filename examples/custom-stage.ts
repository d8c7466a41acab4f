/** Level 1: a stage of your own. It says what it reads and writes; a patch with another key does not compile. */
import { defineStage, fields, int, PipelinePresets } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const counting = defineStage({
  name: "counting",
  about: "Counts the words of each answer.",
  category: "execution",
  config: fields({}),
  reads: ["lastApiResponse", "metadata"],
  writes: ["metadata"],
  slots: {},
  events: { "counting.done": fields({ words: int({ about: "words of the answer" }) }) },
  run: ({ lastApiResponse, metadata }, { emit }) => {
    const text = (lastApiResponse?.content ?? []).flatMap((block) => (block.type === "text" ? [block.text] : [])).join(" ");
    const words = text.split(/\s+/).filter(Boolean).length;
    emit("counting.done", { words });
    return { metadata: { ...metadata, words } };
  },
});

await using pipeline = PipelinePresets.chat({ apiKey, baseUrl });
pipeline.registerStage(counting, { after: "api" });
pipeline.on("counting.done", (e) => console.log(e.data.words, "words"));
const result = await pipeline.run("Say something.");
console.log(result.state.metadata.words);
