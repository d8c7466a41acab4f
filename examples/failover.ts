/** Two accounts, one pipeline: when the first cannot answer, the second does, and the run says so. */
import { CredentialBundle, PipelineBuilder } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

const credentials = new CredentialBundle({
  "anthropic:team": { apiKey, baseUrl },
  "anthropic:mine": { apiKey: process.env.ANTHROPIC_API_KEY_2 ?? apiKey, baseUrl },
});
await using pipeline = new PipelineBuilder("failover", { credentials })
  .withProvider("geny_router")
  .withStage("api", {
    timeoutMs: 60_000,
    targets: [
      { provider: "anthropic", account: "team" },
      { provider: "anthropic", account: "mine", model: "claude-haiku-4-5-20251001", max_tokens: 1024 },
    ],
  })
  .build();
pipeline.on("api.failover", ({ data }) => console.log("switched", JSON.stringify(data.from), "→", JSON.stringify(data.to), data.code));

const result = await pipeline.run("What is the capital of France?");
console.log(result.text);
console.log(`${result.model} of ${result.provider} answered, after ${result.failovers.length} switch(es).`);
