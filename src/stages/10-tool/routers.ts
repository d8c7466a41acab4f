/** Who finds and runs a call's tool. */
import { fields } from "../../contract/schema.ts";
import type { Dispatcher } from "../../contract/services.ts";
import { defineStrategy } from "../../contract/strategy.ts";

export type Router = Dispatcher;

export const routers = {
  registry: defineStrategy<Router>()({
    about: "The pipeline's own tools, through its dispatcher.",
    config: fields({}),
    create: (_config, services) => services.dispatcher,
  }),
};
