/** The `claude` program answers, with a tool of ours inside it; what it wants to do with its own tools is asked here. */
import { APIError, defineTool, ExecutorErrorCode, type Host, PipelineBuilder } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const add = defineTool<{ a: number; b: number }>({
  name: "add",
  description: "Adds two numbers.",
  input: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
  effect: "read",
  run: ({ a, b }) => String(a + b),
});
const host: Host = {
  async approve({ reason }) {
    console.log(`${reason} No.`);
    return "reject";
  },
};

await using pipeline = new PipelineBuilder("claude", { apiKey, baseUrl, tools: [add], host })
  .withProvider("claude_code_cli")
  .withModel({ model: "claude-sonnet-4-6" })
  .withSystem({ prompt: "You add with your tool." })
  .withTools()
  .build();
pipeline.on("tool.call_complete", ({ data }) => console.log(data.name, data.is_error ? "failed" : "ok"));
try {
  console.log((await pipeline.run("What is 2 and 40?")).text);
} catch (error) {
  if (!(error instanceof APIError && error.code === ExecutorErrorCode.EXEC_CLI_BINARY_NOT_FOUND)) throw error;
  console.log(error.message);
}
