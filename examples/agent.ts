/** An agent with a tool of its own and the built-in ones: all 21 stages. */
import { defineTool, PipelinePresets, ToolRegistry } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const registry = new ToolRegistry();
registry.register(
  defineTool<{ city: string }>({
    name: "weather",
    description: "The weather of a city.",
    input: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    effect: "read",
    run: ({ city }) => ({ content: { city, sky: "clear", celsius: 21 } }),
  }),
);

await using pipeline = PipelinePresets.agent({
  apiKey,
  baseUrl,
  systemPrompt: "Use the tools you have.",
  tools: registry,
  builtInTools: ["Read", "Glob"],
  maxTurns: 20,
});
pipeline.on("tool.call_complete", (e) => console.log(e.data.name, e.data.is_error ? "failed" : "ok"));
console.log((await pipeline.run("What is the weather in Seoul?")).text);
