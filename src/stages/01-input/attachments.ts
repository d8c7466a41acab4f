/** Images and files of an input, as hosts write them. */
import { StageError } from "../../contract/errors.ts";
import type { ImageBlock, MediaSource } from "../../contract/message.ts";
import type { Json, JsonObject } from "../../contract/schema.ts";
import type { Services } from "../../contract/services.ts";
import type { Call } from "../../contract/strategy.ts";
import type { FileNote } from "./normalizers.ts";

export const invalid = (reason: string): StageError =>
  new StageError(`Input validation failed: ${reason}.`, { stage: "input", order: 1, details: { reason } });

/** The first of the keys that holds a text of some length. */
const first = (part: JsonObject, ...keys: string[]): string | undefined =>
  keys.map((key) => part[key]).find((value): value is string => typeof value === "string" && value !== "");

const META = ["name", "size", "sha256", "attachment_id"];
const metaOf = (part: JsonObject): { _meta?: JsonObject } => {
  const known = META.filter((key) => part[key] !== undefined && part[key] !== null);
  return known.length ? { _meta: Object.fromEntries(known.map((key) => [key, part[key] as Json])) } : {};
};

/** An image that is a canonical block already stays as it is. Throws when it has neither bytes nor an address. */
export const imageOf = async (part: JsonObject, services: Services, call: Call): Promise<ImageBlock> => {
  if (isCanonical(part)) return part;
  const media_type = first(part, "mime_type", "media_type", "mimeType") ?? "image/png";
  const data = first(part, "data", "base64", "b64");
  if (data !== undefined) return { type: "image", source: { type: "base64", media_type, data }, ...metaOf(part) };
  const url = first(part, "url");
  if (url === undefined) throw invalid(`the image ${JSON.stringify(part.name ?? "without a name")} has neither data nor url`);
  const source = isLocal(url) ? await readLocal(url, media_type, services, call) : ({ type: "url", url } as const);
  return { type: "image", source, ...metaOf(part) };
};

const isCanonical = (part: JsonObject): part is ImageBlock & JsonObject =>
  part.type === "image" && typeof part.source === "object" && part.source !== null && !Array.isArray(part.source);
const isLocal = (url: string): boolean => url.startsWith("file://") || url.startsWith("/") || /^[A-Za-z]:[\\/]/.test(url);

/** A file that cannot be read stays an address, which a backend on the same machine may be able to open. */
const readLocal = async (url: string, media_type: string, services: Services, call: Call): Promise<MediaSource> => {
  const data = await call.step("input.read_image", async (signal) => {
    const { readFile } = await import("node:fs/promises");
    try {
      return (await readFile(url.startsWith("file://") ? new URL(url) : url, { signal })).toString("base64");
    } catch (error) {
      signal.throwIfAborted();
      services.log.warn(`The image ${url} cannot be read; its address is sent in its place.`, error);
      return null;
    }
  });
  return data === null ? { type: "url", url } : { type: "base64", media_type, data };
};

export const fileOf = (part: JsonObject): FileNote => ({
  type: "file",
  name: part.name ?? null,
  mime_type: first(part, "mime_type", "media_type", "mimeType") ?? "application/octet-stream",
  url: part.url ?? null,
  data: part.data ?? null,
  size: part.size ?? null,
  sha256: part.sha256 ?? null,
  attachment_id: part.attachment_id ?? null,
});
