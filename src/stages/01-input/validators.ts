/** Slot `validator`: is the input fit to start a turn with? */
import { lengthOf } from "../../contract/message.ts";
import { fields, int, type Json, list, object, text } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { plainText } from "./normalizers.ts";

/** The reason why the input is refused; undefined when it is fit. */
export type Validate = (input: Json, call: Call) => string | undefined | Promise<string | undefined>;

const tooLong = (size: number, max: number): string | undefined =>
  size > max ? `it has ${size} characters, more than the ${max} of "max_length"` : undefined;

export const validators = {
  default: defineStrategy<Validate>()({
    about: "Refuses nothing at all, and text whose trimmed length is out of bounds. Other values are measured as JSON text.",
    config: fields({
      min_length: int({ min: 0, default: 1, about: "fewest characters, without space around them" }),
      max_length: int({ min: 1, default: 1000000, about: "most characters, without space around them" }),
    }),
    create:
      ({ min_length, max_length }) =>
      (input) => {
        if (input === null) return "there is no input";
        const size = lengthOf(plainText(input).trim());
        return size < min_length ? `it has ${size} characters, fewer than the ${min_length} of "min_length"` : tooLong(size, max_length);
      },
  }),
  passthrough: defineStrategy<Validate>()({ about: "Refuses nothing.", config: fields({}), create: () => () => undefined }),
  strict: defineStrategy<Validate>()({
    about: "Refuses empty and long input, and input that contains a blocked text, whatever the case of its letters.",
    config: fields({
      blocked_patterns: list(text({ min: 1, about: "a text that must not occur" }), { default: [], about: "texts that must not occur" }),
      max_length: int({ min: 1, default: 100000, about: "most characters, without space around them" }),
    }),
    create: ({ blocked_patterns, max_length }) => {
      const blocked = blocked_patterns.map((pattern) => pattern.toLowerCase());
      return (input) => {
        const said = plainText(input).trim();
        if (input === null || said === "") return "it is empty";
        const lower = said.toLowerCase();
        const at = blocked.findIndex((pattern) => lower.includes(pattern));
        return (
          tooLong(lengthOf(said), max_length) ??
          (at < 0 ? undefined : `it contains the blocked text ${JSON.stringify(blocked_patterns[at])}`)
        );
      };
    },
  }),
  schema: defineStrategy<Validate>()({
    about: "Wants an object that has every property listed in the schema's `required`. Values are not looked at.",
    config: fields({ schema: object({ default: {}, about: "a JSON Schema, of which `required` is used" }) }),
    create: ({ schema: { required = [] } }) => {
      if (!Array.isArray(required) || required.some((name) => typeof name !== "string"))
        throw new Error("`schema.required` must be a list of names");
      return (input) => {
        if (typeof input !== "object" || input === null || Array.isArray(input)) return "it is not an object";
        const missing = required.filter((name) => !Object.hasOwn(input, name));
        return missing.length ? `it lacks ${missing.map((name) => `"${name}"`).join(", ")}` : undefined;
      };
    },
  }),
};
