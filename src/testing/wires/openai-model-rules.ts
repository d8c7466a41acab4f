/** What OpenAI's Responses API refuses by the model that is asked. A model of an unknown name bears everything. */
import type { JsonObject } from "../../contract/schema.ts";
import { bad, invalidValue } from "./openai.ts";
import { isObject, objects, type WireError } from "./wire.ts";

const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

export function refuseForModel(body: JsonObject): WireError | null {
  const model = String(body.model);
  const reasoning = isObject(body.reasoning) ? body.reasoning : {};
  if (/^(?:gpt-3\.5|gpt-4)|-chat-latest$/.test(model)) return refusePlain(body, reasoning);
  if (!/^(?:o\d|gpt-[5-9]|gpt-\d\d)/.test(model)) return null;
  const { effort } = reasoning;
  const sampled = ["temperature", "top_p"].find((name) => typeof body[name] === "number" && body[name] !== 1);
  if (sampled && effort !== "none") return unsupported(sampled, null);
  if (effort === undefined || effort === null) return null;
  if (!efforts.includes(String(effort))) return invalidValue("reasoning.effort", effort, efforts);
  const supported = supportedBy(model);
  if (supported.includes(String(effort))) return null;
  const names = supported.map((name) => `'${name}'`);
  return bad(
    `Unsupported value: '${String(effort)}' is not supported with the '${model}' model. Supported values are: ${names.slice(0, -1).join(", ")}, and ${names.at(-1)}.`,
    "reasoning.effort",
    "unsupported_value",
  );
}

const unsupported = (name: string, code: string | null): WireError =>
  bad(`Unsupported parameter: '${name}' is not supported with this model.`, name, code);

/** One that does not reason. */
function refusePlain({ include, input }: JsonObject, reasoning: JsonObject): WireError | null {
  const asked = ["effort", "summary"].find((name) => typeof reasoning[name] === "string");
  if (asked) return unsupported(`reasoning.${asked}`, "unsupported_parameter");
  if (Array.isArray(include) && include.includes("reasoning.encrypted_content"))
    return bad("Encrypted content is not supported with this model.", "include");
  if (!objects(input).some(({ type }) => type === "reasoning")) return null;
  return bad(
    "Reasoning input items can only be provided to a reasoning or computer use model. Remove reasoning items from your input and try again.",
    "input",
  );
}

function supportedBy(model: string): readonly string[] {
  if (/^o\d/.test(model)) return ["low", "medium", "high"];
  if (/^gpt-5(?:-mini|-nano)?(?:-\d{4}|$)/.test(model)) return ["minimal", "low", "medium", "high"];
  return efforts.filter((effort) => effort !== "minimal");
}
