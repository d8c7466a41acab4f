/** Changes of what one stage may use: its tools, its model. */
import type { ModelSettings, ToolBinding } from "../contract/manifest.ts";
import { check } from "../contract/schema.ts";
import { misformed, told } from "./mutate-form.ts";
import type { Scene, Told } from "./scene.ts";
import { MODEL } from "./settings.ts";

const bindingOf = ({ entry, placed }: Scene): ToolBinding => ({
  stage_order: placed.order,
  allowed: null,
  blocked: null,
  extra_context: {},
  ...entry.tool_binding,
});
const withBinding = (scene: Scene, binding: Partial<ToolBinding>, oldValue: Told["oldValue"], newValue: Told["newValue"]): Told => ({
  target: `${scene.target}.tools`,
  oldValue,
  newValue,
  document: scene.with({ ...scene.entry, tool_binding: { ...bindingOf(scene), ...binding } }),
  message: scene.placed.stage.supportsToolBinding ? "" : `The stage "${scene.placed.stage.name}" runs no tools: its binding does nothing.`,
});
const withName = (names: readonly string[] | null, name: string): readonly string[] => [...new Set([...(names ?? []), name])].sort();
const withoutName = (names: readonly string[] | null, name: string) => names?.filter((other) => other !== name) ?? null;

/** The tool is among those that the stage may run; the first one that is bound shuts out the others. */
export const boundTool = (scene: Scene, tool: string): Told => {
  const { allowed, blocked } = bindingOf(scene);
  return withBinding(scene, { allowed: withName(allowed, tool), blocked: withoutName(blocked, tool) }, null, tool);
};

/** The stage may not run the tool. */
export const unboundTool = (scene: Scene, tool: string): Told => {
  const { allowed, blocked } = bindingOf(scene);
  return withBinding(scene, { allowed: withoutName(allowed, tool), blocked: withName(blocked, tool) }, null, tool);
};

export const toolScope = (scene: Scene, allowed: readonly string[] | null = null, blocked: readonly string[] | null = null): Told => {
  const { allowed: oldAllowed, blocked: oldBlocked } = bindingOf(scene);
  const scope = { allowed: sorted(allowed), blocked: sorted(blocked) };
  return withBinding(scene, scope, { allowed: oldAllowed, blocked: oldBlocked }, scope);
};
const sorted = (names: readonly string[] | null) => names && [...new Set(names)].sort();

export const stageModel = (scene: Scene, model: Partial<ModelSettings> | null): Told => {
  const { entry, placed, document } = scene;
  const { problems } = check(MODEL, model);
  if (problems.length) throw misformed("set_stage_model", told(problems, "model"));
  const usual = check(MODEL, document.model).value.model;
  const idOf = (override: Partial<ModelSettings> | null | undefined) => (override ? (override.model ?? usual) : null);
  return {
    target: `${scene.target}.model`,
    oldValue: idOf(entry.model_override),
    newValue: idOf(model),
    document: scene.with({ ...entry, model_override: model }),
    message: placed.stage.supportsModelOverride ? "" : `The stage "${placed.stage.name}" asks no model: its override does nothing.`,
  };
};
