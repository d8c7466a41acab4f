/** Which names presets may have. */

import type { Finding } from "./contract/errors.ts";
import type { FindingCode } from "./contract/findings.ts";
import { snake } from "./contract/state.ts";
import { presetCatalog } from "./manifest/catalogue.ts";
import { PipelinePresets, type Preset } from "./presets.ts";

/** Our own presets under the wire's names: `geny_vtuber`. */
export const BUILT_IN: { readonly [name: string]: Preset } = Object.fromEntries(
  Object.entries(PipelinePresets).map(([name, preset]) => [snake(name), preset]),
);

/** Undefined for a name that is free to be taken. */
export const nameFinding = (name: string): Finding | undefined => {
  const wrong = (code: FindingCode, message: string): Finding => ({ severity: "error", code, path: "name", message });
  if (!/^[A-Za-z0-9][\w.-]{0,99}$/.test(name))
    return wrong("preset.invalid", `${JSON.stringify(name)} is no name: letters, digits, "_", "." and "-", at most 100`);
  const ours = Object.hasOwn(BUILT_IN, name) || [...presetCatalog().map(({ key }) => key), "default"].includes(name);
  return ours ? wrong("preset.reserved", `"${name}" is one of the presets that are always there: choose another name`) : undefined;
};
