/** Level 2: a strategy of your own in a slot of ours, chosen by name in the manifest like any other. */
import { extend, fields, int, Pipeline, PipelinePresets } from "geny-executor";
import { context } from "geny-executor/stages";
import { apiKey, baseUrl } from "./_key.ts";

const mine = extend(context, "strategy", {
  last_only: {
    about: "The newest messages and no more.",
    config: fields({ keep: int({ min: 1, default: 1, about: "messages kept" }) }),
    create:
      ({ keep }) =>
      (messages) =>
        messages.slice(-keep),
  },
});

const manifest = PipelinePresets.chat().snapshot().toJSON();
const stages = manifest.stages.map((entry) =>
  entry.name === "context"
    ? { ...entry, strategies: { ...entry.strategies, strategy: "last_only" }, strategy_configs: { strategy: { keep: 1 } } }
    : entry,
);
await using pipeline = await Pipeline.fromManifest({ ...manifest, stages }, { apiKey, baseUrl, stages: { context: mine } });
console.log(
  (
    await pipeline.run("Only this is sent.", {
      messages: [
        { role: "user", content: "Old." },
        { role: "assistant", content: "Older." },
      ],
    })
  ).text,
);
