/** Where our definitions, defaults and presets differ on purpose. */
import type { ModelDifference } from "./differences.ts";

export const modelDifferences: readonly ModelDifference[] = [];
