/** Every failure has a stable code, says whether trying again may help, and carries what the turn had done. */
import { APIError, ErrorCategory, ExecutorErrorCode, GuardRejectError, PipelineBuilder } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

await using pipeline = new PipelineBuilder("careful", { apiKey, baseUrl })
  .withGuard({ guards: [{ use: "cost_budget", max_cost_usd: 0 }] })
  .withStage("api", { retry: "no_retry" })
  .build();
try {
  await pipeline.run("Anything.");
} catch (error) {
  if (error instanceof APIError && error.code === ExecutorErrorCode.EXEC_API_AUTH_INVALID_KEY) console.log("Check the key.");
  else if (error instanceof APIError && error.category === ErrorCategory.RATE_LIMITED) console.log(`Wait ${error.retryAfter} seconds.`);
  else if (error instanceof APIError && error.recoverable) console.log("Try again.");
  else if (error instanceof GuardRejectError) console.log(`${error.code}: ${error.guard} says: ${error.message}`);
  else throw error;
}
