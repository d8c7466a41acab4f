import type { Json } from "geny-executor";
import { contentOf, normalizers } from "../../../src/stages/01-input/normalizers.ts";
import { validators } from "../../../src/stages/01-input/validators.ts";
import { call, made } from "../make.ts";
import type { Difference, Vector } from "../types.ts";

export const replay = async (vector: Vector): Promise<unknown> => {
  const input = vector.input as Json;
  if (vector.slot === "validator") {
    const validate = made(validators, vector);
    if ("refused" in validate) return validate;
    const reason = await validate.fn(input, call);
    return { valid: reason === undefined, message: reason ?? null };
  }
  const normalize = made(normalizers, vector);
  if ("refused" in normalize) return normalize;
  try {
    const normalized = await normalize.fn(input, call);
    const { text, images, files, metadata } = normalized;
    return { text, role: "user", images, files, source: "user", metadata, message_content: contentOf(normalized) };
  } catch (error) {
    return { raises: (error as Error).name };
  }
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const images = (input: unknown): Record<string, unknown>[] =>
  isObject(input) && Array.isArray(input.images) ? input.images.filter(isObject) : [];
const normalizes = ({ slot }: Vector): boolean => slot === "normalizer";

export const differences: readonly Difference<Vector>[] = [
  {
    rule: "input.bad_config",
    why: "better on purpose: a config of the wrong type is refused with its path, not silently replaced by the default",
    covers: ({ slot, strategy, config }) =>
      slot === "validator" &&
      strategy === "strict" &&
      config !== undefined &&
      (!Array.isArray(config.blocked_patterns) || Number(config.max_length) < 1),
  },
  {
    rule: "input.null_text",
    why: "better on purpose: no input is no text, not the word None",
    covers: (v) => normalizes(v) && v.input === null,
  },
  {
    rule: "input.json_text",
    why: "better on purpose: a list as text is JSON, not the Python form",
    covers: (v) => normalizes(v) && Array.isArray(v.input),
  },
  {
    rule: "input.image_without_source",
    why: "better on purpose: an image with neither data nor address is refused at once; the vendor would refuse the request",
    covers: (v) =>
      normalizes(v) &&
      images(v.input).some(
        (image) => !isObject(image.source) && !["data", "base64", "b64", "url"].some((key) => typeof image[key] === "string"),
      ),
  },
  {
    rule: "input.empty_text_block",
    why: "better on purpose: vendors refuse an empty text block, so none is made beside an attachment",
    covers: (v) =>
      normalizes(v) &&
      isObject(v.input) &&
      !v.input.text &&
      !v.input.content &&
      ["files", "images", "attachments"].some((key) => isObject(v.input) && Array.isArray(v.input[key])),
  },
];
