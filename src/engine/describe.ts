/** A plan, as something to look at. */
import { type ChosenStrategy, type Phase, type Plan, stagesOf } from "./plan.ts";

export interface StageDescription {
  readonly order: number;
  readonly name: string;
  readonly phase: Phase;
  /** "unregistered" for a stage that is not active. */
  readonly category: string;
  readonly isActive: boolean;
  readonly about: string;
  readonly config: { readonly [key: string]: unknown };
  readonly strategies: readonly ChosenStrategy[];
}

export const describe = (plan: Plan): StageDescription[] =>
  stagesOf(plan).map(({ stage, order, phase, active, config, strategies }) => ({
    order,
    name: stage.name,
    phase,
    category: active ? stage.category : "unregistered",
    isActive: active,
    about: stage.about,
    config,
    strategies: active ? strategies : [],
  }));
