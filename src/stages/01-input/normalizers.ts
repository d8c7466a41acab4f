/** Slot `normalizer`: what a host handed in, as text, images and files. */
import type { ContentBlock, ImageBlock } from "../../contract/message.ts";
import { fields, isObject, type Json, type JsonObject } from "../../contract/schema.ts";
import type { Services } from "../../contract/services.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { fileOf, imageOf } from "./attachments.ts";

/** A file that travels as a line of text with its name: its bytes are not sent. */
export type FileNote = {
  readonly type: "file";
  readonly name: Json;
  readonly mime_type: string;
  readonly url: Json;
  readonly data: Json;
  readonly size: Json;
  readonly sha256: Json;
  readonly attachment_id: Json;
};
export interface Normalized {
  readonly text: string;
  readonly images: readonly ImageBlock[];
  readonly files: readonly FileNote[];
  /** The host's own; it is not sent to the model. */
  readonly metadata: JsonObject;
}
/** Throws a StageError when a part cannot become content. */
export type Normalize = (input: Json, call: Call) => Normalized | Promise<Normalized>;

/** Text as it is, nothing as no text, any other value as JSON. */
export const plainText = (value: Json | undefined): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);

/** Images first, then a line for each file, then the text. A string when there is only text. */
export const contentOf = ({ text, images, files }: Normalized): string | readonly ContentBlock[] => {
  if (!images.length && !files.length) return text;
  const notes = files.map(({ name, mime_type }) => `[attached file: ${plainText(name) || "unnamed"} (${mime_type})]`);
  return [...images, ...[...notes, text].filter((line) => line !== "").map((line) => ({ type: "text", text: line }) as const)];
};

const list = (value: Json | undefined): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const isImage = (part: JsonObject): boolean => /^(image|img)$/i.test(plainText(part.kind ?? part.type));

const parts = async (input: JsonObject, clean: (text: string) => string, services: Services, call: Call): Promise<Normalized> => {
  const attachments = list(input.attachments);
  const images = [...attachments.filter(isImage), ...list(input.images)];
  const files = [...attachments.filter((part) => !isImage(part)), ...list(input.files)];
  const read: ImageBlock[] = [];
  for (const image of images) read.push(await imageOf(image, services, call));
  return {
    text: clean(plainText(input.text) || plainText(input.content)),
    images: read,
    files: files.map(fileOf),
    metadata: isObject(input.metadata) ? input.metadata : {},
  };
};

const normalizer =
  (clean: (text: string) => string) =>
  (_config: unknown, services: Services): Normalize =>
  (input, call) =>
    isObject(input) ? parts(input, clean, services, call) : { text: clean(plainText(input)), images: [], files: [], metadata: {} };

export const normalizers = {
  default: defineStrategy<Normalize>()({
    about: "Text is trimmed and brought to Unicode form NFC; of an object: text or content, images, files, attachments, metadata.",
    config: fields({}),
    create: normalizer((text) => text.trim().normalize("NFC")),
  }),
  multimodal: defineStrategy<Normalize>()({
    about: "As `default`, but the text's characters stay as they are: it is only trimmed.",
    config: fields({}),
    create: normalizer((text) => text.trim()),
  }),
};
