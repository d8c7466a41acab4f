/** Stage 1: what the run was given becomes the newest user message of a whole history. */
import { lengthOf, type Message } from "../contract/message.ts";
import { fields, int } from "../contract/schema.ts";
import { defineStage } from "../contract/stage.ts";
import { one } from "../contract/strategy.ts";
import { invalid } from "./01-input/attachments.ts";
import { mendHistory } from "./01-input/history.ts";
import { contentOf, normalizers } from "./01-input/normalizers.ts";
import { validators } from "./01-input/validators.ts";

export const input = defineStage({
  name: "input",
  about: "Checks the input, brings it into a message's form and appends it to the history, which it makes whole first.",
  category: "ingress",
  required: true,
  config: fields({}),
  reads: ["input", "messages"],
  writes: ["messages"],
  slots: {
    validator: one({ about: "refuses input that is unfit", verb: "checks the input by", default: "default", strategies: validators }),
    normalizer: one({
      about: "makes text, images and files of the input",
      verb: "normalizes the input by",
      default: "default",
      strategies: normalizers,
    }),
  },
  events: {
    "input.tool_calls_repaired": fields({
      count: int({ about: "calls of the history that had no result in place, and results without a call" }),
    }),
    "input.normalized": fields({
      text_length: int({ about: "characters of the text" }),
      images: int({ about: "images of the input", default: 0 }),
      files: int({ about: "files of the input", default: 0 }),
    }),
  },
  async run({ input: given, messages: history }, { slots, call, emit, messageId }) {
    const reason = await slots.validator(given, call);
    if (reason !== undefined) throw invalid(reason);
    const normalized = await slots.normalizer(given, call);
    const { messages, repaired } = mendHistory(history, messageId);
    if (repaired) emit("input.tool_calls_repaired", { count: repaired });
    const { text, images, files } = normalized;
    emit("input.normalized", { text_length: lengthOf(text), images: images.length, files: files.length });
    const message: Message = { id: messageId(), origin: "user", role: "user", content: contentOf(normalized) };
    return { messages: [...messages, message] };
  },
});
