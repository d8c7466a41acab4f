/** Asks for JSON in words where the provider cannot be asked for it in the request. */
import type { ModelRequest, Provider } from "../../contract/provider.ts";
import type { JsonObject } from "../../contract/schema.ts";

const words = (schema: JsonObject): string =>
  `Your final answer must be one JSON value and nothing else: no other words, no code fence. It must match this JSON Schema:\n${JSON.stringify(schema)}`;

/** The request with its schema in the volatile part of the prompt, unless the provider takes a schema. */
export const inWords = (request: ModelRequest, { capabilities }: Pick<Provider, "capabilities">): ModelRequest => {
  const { outputSchema, systemVolatile } = request;
  if (!outputSchema || capabilities.supports_structured_output) return request;
  return { ...request, outputSchema: null, systemVolatile: [systemVolatile, words(outputSchema)].filter(Boolean).join("\n\n") };
};
