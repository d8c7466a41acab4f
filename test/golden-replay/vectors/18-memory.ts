import type { Json, Message } from "geny-executor";
import { dehydrate } from "../../../src/stages/18-memory/dehydrate.ts";
import { insightOf } from "../../../src/stages/18-memory/insight.ts";
import type { Difference, Vector } from "../types.ts";

export const replay = ({ strategy, input }: Vector): unknown => {
  if (strategy === "dehydrate") return dehydrate(input as Message);
  try {
    const { title, content, category, tags, importance } = insightOf(input as Json);
    return { title, content, category, tags, importance };
  } catch (error) {
    return { raises: error instanceof TypeError ? "TypeError" : "ValueError" };
  }
};

export const differences: readonly Difference<Vector>[] = [];
