/** Scenarios as data: a manifest, a script, the events that must come. `UPDATE=1 npm test` writes the events anew. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Clock, Pipeline, type PipelineEvent } from "geny-executor";
import { startModel } from "geny-executor/testing";

const folder = join(import.meta.dirname, "scenarios");
const json = (name: string, file: string) => JSON.parse(readFileSync(join(folder, name, file), "utf8"));

/** Time that moves by one millisecond at every look, waits that never end by themselves, and ids that count. */
const steady = () => {
  let ms = Date.UTC(2030, 0, 1);
  let ids = 0;
  const clock: Clock = {
    now: () => ms++,
    monotonic: () => ms++,
    after: () => () => {},
    sleep: (_ms, signal) => new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason))),
  };
  return { clock, id: (prefix: string) => `${prefix}${++ids}`, random: () => 0.5 };
};

for (const name of readdirSync(folder))
  test(`scenario ${name}`, async () => {
    const { inputs, turns } = json(name, "script.json");
    await using model = await startModel({ script: turns });
    const options = { apiKey: "k", baseUrl: model.url, workingDir: join(folder, name), ...steady() };
    await using pipeline = await Pipeline.fromManifest(json(name, "manifest.json"), options);
    const events: PipelineEvent[] = [];
    pipeline.on("*", (e) => events.push(e));
    let state: Awaited<ReturnType<Pipeline["run"]>>["state"] | undefined;
    for (const input of inputs) ({ state } = await pipeline.run(input, { sessionId: "s", ...(state ? { state } : {}) }));
    model.expectDone();
    const log = `${events
      .map((e) => JSON.stringify(e))
      .join("\n")
      .replaceAll(join(folder, name), "<folder>")}\n`;
    const file = join(folder, name, "events.jsonl");
    if (process.env.UPDATE) writeFileSync(file, log);
    assert.equal(log, readFileSync(file, "utf8"));
  });
