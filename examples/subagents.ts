/** A lead and its scout: the manifest holds both, the scout has the tools that its own manifest names, and the turn pays for all. */
import { defineManifest, Pipeline } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const scout = defineManifest({
  name: "scout",
  builtInTools: ["Read", "Glob", "Grep"],
  stages: { system: { prompt: "Find what you are asked for. Answer with facts and the files they stand in." } },
});
const lead = defineManifest({
  name: "lead",
  builtInTools: ["Read", "Glob", "Grep"],
  pipeline: { costBudgetUsd: 1 },
  stages: {
    system: { prompt: "To have something looked up, end with [DELEGATE: scout: the task]. You are told what the scout found." },
    agent: { orchestrator: "delegate" },
  },
  subagents: { scout: { description: "Looks things up in files.", manifest: scout, allowedTools: ["Read", "Grep"] } },
});

await using pipeline = await Pipeline.fromManifest(lead, { apiKey, baseUrl });
const result = await pipeline.run("Which Node does package.json ask for?");
for (const { agent_type, task, success, text } of result.state.agentResults)
  console.log(`${agent_type} (${success ? "success" : "failed"}): ${task}\n  ${text}`);
console.log(result.text);
console.log(`${result.usage.calls} calls, $${result.totalCostUsd?.toFixed(4)} in all`);
