/** What Gemini's API refuses of a content's parts. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { functionName, unknownName } from "./gemini-schema-rules.ts";
import { isObject, type WireError } from "./wire.ts";

const data = [
  "text",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
  "executableCode",
  "codeExecutionResult",
  "toolCall",
  "toolResponse",
];
const beside = ["thought", "thoughtSignature", "videoMetadata", "partMetadata", "mediaResolution"];
const media = /^(?:image\/(?:png|jpeg|webp|heic|heif)|application\/pdf|(?:text|audio|video)\/[\w.+-]+)$/;

const invalid = (message: string): WireError => ({ status: 400, message });

/** `i` and `p`: the places of the content and of the part. */
export function refusePart(part: JsonObject, i: number, p: number): WireError | null {
  const at = `GenerateContentRequest.contents[${i}].parts[${p}]`;
  if (!data.some((key) => part[key] !== undefined))
    return invalid(`* ${at}.data: required oneof field 'data' must have one initialized field\n`);
  return (
    unknownName(part, [...data, ...beside], `contents[${i}].parts[${p}]`) ??
    refuseCall(part.functionCall, `${at}.function_call`) ??
    refuseCall(part.functionResponse, `${at}.function_response`) ??
    refuseBytes(part.inlineData, `${at}.inline_data`) ??
    refuseFile(part.fileData)
  );
}

function refuseCall(made: Json | undefined, at: string): WireError | null {
  if (made === undefined) return null;
  if (!isObject(made) || !made.name) return invalid(`* ${at}.name: Name cannot be empty.\n`);
  return functionName.test(String(made.name)) ? null : invalid(`* ${at}.name: Invalid function name.\n`);
}

function refuseBytes(bytes: Json | undefined, at: string): WireError | null {
  if (bytes === undefined) return null;
  const { mimeType = "", data: content = "" } = isObject(bytes) ? bytes : {};
  if (!media.test(String(mimeType))) return invalid(`Unsupported MIME type: ${String(mimeType)}`);
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(String(content)) ? null : invalid(`* ${at}.data: Base64 decoding failed\n`);
}

function refuseFile(file: Json | undefined): WireError | null {
  const uri = isObject(file) ? String(file.fileUri) : "https://";
  return /^(?:https?|gs):\/\//.test(uri) ? null : invalid(`Invalid or unsupported file uri: ${uri}`);
}
