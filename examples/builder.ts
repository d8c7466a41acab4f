/** A pipeline, stage by stage. */
import { defineTool, PipelineBuilder } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const now = defineTool({
  name: "now",
  description: "The time, in UTC.",
  input: { type: "object", properties: {} },
  effect: "read",
  run: () => new Date().toISOString(),
});

await using pipeline = new PipelineBuilder("my-agent", { apiKey, baseUrl })
  .withModel({ model: "claude-sonnet-4-6", maxTokens: 4096 })
  .withSystem({ prompt: "You are precise." })
  .withContext({ strategy: { use: "hybrid", max_recent_turns: 10 } })
  .withGuard({ costBudgetUsd: 1.0, maxIterations: 30 })
  .withCache({ strategy: "aggressive" })
  .withTools({ registry: [now] })
  .withThink({ enabled: true, budgetTokens: 2000 })
  .withEvaluate()
  .withLoop({ maxTurns: 30 })
  .withMemory()
  .build();

for (const { order, name, isActive, strategies } of pipeline.describe())
  console.log(
    String(order).padStart(2),
    name.padEnd(14),
    isActive ? strategies.map((s) => `${s.slot}=${s.names.join("+")}`).join(" ") : "-",
  );
console.log((await pipeline.run("What time is it?")).text);
