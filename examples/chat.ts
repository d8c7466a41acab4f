/** A conversation: a session keeps the history between turns. */
import { PipelinePresets, SessionManager } from "geny-executor";
import { apiKey, baseUrl } from "./_key.ts";

await using pipeline = PipelinePresets.chat({ apiKey, baseUrl, systemPrompt: "Answer in one sentence." });
const manager = new SessionManager();
const session = manager.create(pipeline);
console.log((await session.run("My name is Alice.")).text);
console.log((await session.run("What is my name?")).text);
for (const info of manager.listSessions()) console.log(info.sessionId, info.messageCount, info.totalCostUsd);
