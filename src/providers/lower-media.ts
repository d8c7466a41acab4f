/** Images and documents that a model is not shown: their text where they are text, else a word in their place. */
import { isUtf8 } from "node:buffer";
import type { CacheControl, DocumentBlock, ImageBlock, MediaSource, TextBlock } from "../contract/message.ts";
import type { ClientCapabilities } from "../contract/provider.ts";
import { own } from "../contract/schema.ts";
import { text } from "./json.ts";

export type Media = ImageBlock | DocumentBlock;

/** Media types that a vendor takes as bytes, and as text. A vendor that is not here takes what its capabilities say. */
interface Kinds {
  readonly image: RegExp;
  readonly document: RegExp;
  readonly text: RegExp;
}
const NONE = /^(?!)/;
const ANY = /^/;
const anthropic: Kinds = { image: /^image\/(?:jpeg|png|gif|webp)$/, document: /^application\/pdf$/, text: /^text\/plain$/ };
const KINDS: { readonly [vendor: string]: Kinds } = {
  anthropic,
  claude_code_cli: anthropic,
  google: { image: /^image\/(?:jpeg|png|webp|heic|heif)$/, document: /^(?:application\/pdf|text\/[\w.+-]+)$/, text: NONE },
  openai: { image: anthropic.image, document: ANY, text: NONE },
};
/** The ids of a vendor's files; a vendor that is not here takes those of none of these forms. */
const FILES: { readonly [vendor: string]: RegExp } = {
  anthropic: /^file_/,
  claude_code_cli: NONE,
  google: /^(?:https?|gs):\/\//,
  openai: /^(?:file|assistant)-/,
};

const takesKind = (vendor: string, kind: keyof Kinds, mediaType: string): boolean => own(KINDS, vendor)?.[kind].test(mediaType) ?? true;

const takesFile = (vendor: string, id: string): boolean => {
  const owner = Object.keys(FILES).find((one) => FILES[one]?.test(id));
  return owner === undefined ? !Object.hasOwn(FILES, vendor) : owner === vendor;
};

/** Whether a block can be sent as it is. */
export const takes = (block: Media, vendor: string, { supports_vision, supports_documents }: ClientCapabilities): boolean => {
  if (!(block.type === "image" ? supports_vision : supports_documents)) return false;
  const { source } = block;
  if (source.type === "base64") return takesKind(vendor, block.type, source.media_type);
  if (source.type === "text") return block.type === "document" && takesKind(vendor, "text", source.media_type);
  return source.type === "url" || takesFile(vendor, source.file_id);
};

/** A type that many write, and vendors refuse. */
export const withTrueType = (block: Media): Media =>
  block.source.type === "base64" && block.source.media_type === "image/jpg"
    ? { ...block, source: { ...block.source, media_type: "image/jpeg" } }
    : block;

/** The words of a block that is text; null when it is none. */
export const wordsIn = ({ source }: Media): string | null => {
  if (source.type === "text") return source.data;
  if (source.type !== "base64" || !/^text\/|[/+](?:json|xml|yaml)$/.test(source.media_type)) return null;
  const bytes = Buffer.from(source.data, "base64");
  return isUtf8(bytes) ? bytes.toString() : null;
};

export const titleOf = (block: Media): string => (block.type === "document" ? (block.title ?? "") : text(block._meta?.name));

/** What stands in a block's place when nothing else can. */
export const placeholder = (block: Media): string => {
  const title = titleOf(block);
  const named = [block.type, title ? JSON.stringify(title) : "", originOf(block.source)].filter(Boolean).join(" ");
  return `[${named} is left out: this model cannot be shown it]`;
};

const originOf = (source: MediaSource): string => {
  if (source.type === "file") return "(an uploaded file)";
  if (source.type === "url") return /^https?:/.test(source.url) ? `at ${source.url.slice(0, 500)}` : "";
  return `(${source.media_type})`;
};

/** Text in the place of another block, with its cache mark. */
export const said = (words: string, { cache_control }: { readonly cache_control?: CacheControl }): TextBlock =>
  cache_control ? { type: "text", text: words, cache_control } : { type: "text", text: words };
