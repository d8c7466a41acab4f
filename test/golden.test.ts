/**
 * Replays what was recorded of the Python program: runs, and what its definitions, presets and classes say. The environment variable GOLDEN
 * names another folder of the same form, which may hold fewer files and keys.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { busCases } from "./golden-replay/bus.ts";
import { compare } from "./golden-replay/compare.ts";
import { isDefault, lines } from "./golden-replay/data.ts";
import { definitionCases } from "./golden-replay/definition-cases.ts";
import { differences } from "./golden-replay/differences.ts";
import { diffCases, documentCases, resolverCases, snapshotCases } from "./golden-replay/environment-cases.ts";
import { errorCases } from "./golden-replay/error-cases.ts";
import { folderCases } from "./golden-replay/folder-cases.ts";
import { laterCases } from "./golden-replay/later-cases.ts";
import { manifestCases, textCases } from "./golden-replay/manifest-cases.ts";
import { told } from "./golden-replay/match.ts";
import { compareCase } from "./golden-replay/model.ts";
import { mutationCases } from "./golden-replay/mutation-cases.ts";
import { builderCases, presetCases } from "./golden-replay/preset-cases.ts";
import type { Line } from "./golden-replay/recording.ts";
import { registryCases } from "./golden-replay/registry-cases.ts";
import { schemaCases } from "./golden-replay/schema-cases.ts";
import { configureCases, slotCases } from "./golden-replay/slot-cases.ts";
import { stateCases } from "./golden-replay/state-cases.ts";
import { validationCases } from "./golden-replay/validation-cases.ts";

const CASES = [
  busCases,
  stateCases,
  errorCases,
  definitionCases,
  laterCases,
  presetCases,
  builderCases,
  schemaCases,
  manifestCases,
  textCases,
  mutationCases,
  slotCases,
  configureCases,
  diffCases,
  documentCases,
  resolverCases,
  snapshotCases,
  folderCases,
  registryCases,
  validationCases,
].flatMap((cases) => cases());
const used = new Set<object>();
const verdict = (name: string, found: Parameters<typeof told>[0], rules: readonly { rule: string }[]) => {
  for (const rule of rules) used.add(rule);
  const listed = rules.length ? `\nrules that had a say: ${rules.map((r) => r.rule).join("; ")}` : "";
  assert.ok(found.length === 0, `${name} differs, and no rule lists it:\n${told(found)}${listed}`);
};

describe("recorded runs", { concurrency: 4 }, () => {
  for (const recording of lines<Line>("runs.jsonl"))
    test(recording.name, { timeout: 5000 }, async () => {
      const { found, used: rules } = await compare(recording, differences.runs);
      verdict(recording.name, found, rules);
    });
});

describe("recorded definitions, presets and classes", () => {
  for (const one of CASES)
    test(`${one.file}: ${one.name}`, { timeout: 5000 }, async () => {
      const { found, used: rules } = await compareCase(one, differences.model);
      verdict(`${one.file}: ${one.name}`, found, rules);
    });
});

describe("the replay finds", () => {
  const whole = (r: Line) => r.requests?.length && r.events?.length && r.result?.calls?.length;
  const [line] = lines<Line>("runs.jsonl").filter((r) => r.scenario.build.kind === "manifest" && !r.scenario.setup && whole(r));
  const spoiled: { [what: string]: (l: Line) => Line } = {
    "another request": (l) => ({ ...l, requests: (l.requests ?? []).map((q) => ({ ...q, max_tokens: 1 })) }),
    "a missing event": (l) => ({ ...l, events: (l.events ?? []).filter((e) => e.type !== "parse.complete") }),
    "other data of an event": (l) => ({ ...l, events: (l.events ?? []).map((e) => ({ ...e, data: { ...e.data, stop_reason: "none" } })) }),
    "another end": (l) => ({ ...l, result: { calls: (l.result?.calls ?? []).map((c) => ({ ...c, text: "other" })) } }),
    "another state": (l) => ({
      ...l,
      result: { calls: (l.result?.calls ?? []).map((c) => ({ ...c, final_state: { ...c.final_state, messages: [] } })) },
    }),
  };
  for (const [what, spoil] of Object.entries(spoiled))
    test(what, { skip: line ? false : "no recording here can be spoiled" }, async () => {
      assert.ok(line);
      assert.notDeepEqual((await compare(spoil(line), differences.runs)).found, []);
    });
});

describe("the list of differences", { skip: isDefault ? false : "it is about the recordings that are carried here" }, () => {
  for (const rule of [...differences.runs, ...differences.model])
    test(`occurs: ${rule.rule}`, () => assert.ok(used.has(rule), "Nothing needs this rule any more: take it off the list."));
});
