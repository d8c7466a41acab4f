/** Where our changes of a pipeline differ on purpose. */
import type { Case } from "./cases.ts";
import type { ModelDifference } from "./differences.ts";
import { isObject } from "./rewrite.ts";

const mutations =
  (name: RegExp) =>
  (given: Case): boolean =>
    given.file === "mutations.json" && name.test(given.name);
/** The change is refused, and nothing else is another. */
const refused = (given: Case): Case => ({
  ...given,
  got: given.got,
  expected: { ok: false, orders: isObject(given.expected) ? given.expected.orders : [] },
});
/** The keys, the types and the names that no setting has. */
const WRONG =
  /update_stage_config .*("zzz":1|"max_chain_length":-3|"a":1)|update_strategy_config .*"keep_last":"x"|update_model_config .*("text"|to_dict)|update_pipeline_config \[\{("model":|"api_key")|set_stage_model \[2,"plain|restore .*"zzz"/;

export const mutationRules: readonly ModelDifference[] = [
  {
    rule: "a change that would be wrong is refused",
    why: "Unknown keys, wrong types and keys beside the manifest were taken over, or logged and dropped.",
    covers: mutations(WRONG),
    rewrite: refused,
  },
  {
    rule: "a change is made whole or not at all",
    why: "What came before the first bad key, or in a batch before its failure, stayed.",
    covers: mutations(/^(stage-config|model-config|pipeline-config-partial|restore-\S+|batch-rollback-\S+): snapshot/),
    excuses: ["value"],
  },
  {
    rule: "a batch that throws undoes activations too",
    why: "Only settings were restored.",
    covers: mutations(/^batch-rollback-not-undone/),
    excuses: ["value.orders"],
  },
  {
    rule: "names that wait for their host can be chosen",
    why: "Python cannot make them without arguments; ours act when the host's part is there.",
    covers: mutations(/swap_strategy .*"(dynamic_persona|pipeline_resume)"/),
    excuses: ["value"],
  },
  {
    rule: "old values are the true ones",
    why: "They were always null, or the opposite of the new one; an empty list was told as none.",
    covers: mutations(/set_stage_active|set_stage_tool_scope|set_stage_model/),
    excuses: ["value.record.old_value", "value.record.new_value.allowed", "value.record.new_value.blocked"],
  },
  {
    rule: "every stage of the 21 can be activated",
    why: "The manifest says what it is like then; only stages that had once been built could be.",
    covers: mutations(/set_stage_active \[10,true\]/),
    excuses: ["value"],
  },
  {
    rule: "a stage without which no turn can run stays active",
    why: "The pipeline was taken apart in silence and failed when it ran.",
    covers: mutations(/^set-active [678]:/),
    excuses: ["value"],
  },
  {
    rule: "stages and items are told by their names",
    why: "The names of Python's classes say nothing here.",
    covers: mutations(/replace_stage|remove_from_chain|^batch-rollback-not-undone/),
    excuses: ["value.record.old_value", "value.record.new_value", "value.inner.record.old_value"],
  },
  {
    rule: "a stage in another's place goes by the manifest's entry",
    why: "Settings and provider were lost with the instance; which provider answers is a setting, not an artifact.",
    covers: mutations(/^(active-after-replace 2:|replace-stage: snapshot)/),
    excuses: ["value.record.old_value.max_turns", "value.stages.16.config.max_turns", "value.stages.6.config.provider"],
  },
  {
    rule: "whether a stage exists is asked before whether it is locked",
    why: "A stage that does not exist was locked.",
    covers: mutations(/lock_stage \[(77|99)\]|swap_strategy \[77/),
    rewrite: (given) => (isObject(given.expected) && given.expected.ok === true ? refused(given) : given),
    excuses: ["value.code"],
  },
  {
    rule: "a snapshot is restored with its activations, models and bindings",
    why: "These stayed as they were.",
    covers: mutations(/^snapshot-restore(: snapshot| 8:)/),
    excuses: ["value.orders", "value.stages.6.binding", "value.stages.6.model", "value.stages.8.active"],
  },
  {
    rule: "a pipeline is never empty",
    why: "Its required stages are always there.",
    covers: mutations(/^empty-pipeline/),
    all: true,
  },
  {
    rule: "what does not fit is refused",
    why: "It was swallowed, coerced or cut: a text became a number, true a count, an unknown key nothing.",
    covers: (given) => given.file === "configure.json" && /\(does not fit\)$|"nope"\]/.test(given.name),
    excuses: ["value.ok", "value.config"],
  },
  {
    rule: "a config is shown as it was given",
    why: "An empty list meant the default, and a limit below another was moved; which of them acts is the strategy's business.",
    covers: (given) => given.file === "configure.json" && /:\[\]\}$|"max_budget":100,"min_budget":5000/.test(given.name),
    excuses: ["value.config"],
  },
  {
    rule: "a strategy has the name it is known by",
    why: "An instance could call itself otherwise, and was then not found by its name.",
    covers: (given) => given.file === "slots.json" && (given.name === "slot 0" || given.name === "chain 0"),
    excuses: ["value.current_impl", "value.items", "value.ok"],
  },
  {
    rule: "a binding is kept as it is written",
    why: "A manifest is not rewritten by reading it; a form that is wrong is refused.",
    covers: (given) => given.file === "slots.json" && given.name.startsWith("binding from"),
    excuses: ["value"],
  },
];
