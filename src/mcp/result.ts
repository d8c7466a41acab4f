/** What a server answered to a call, as the model reads it. */
import type { CallToolResult, ContentBlock as McpBlock } from "@modelcontextprotocol/client";
import { asJson, type ContentBlock } from "../contract/message.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { ToolResult } from "../contract/tool.ts";
import { cleanJson } from "./clean.ts";

/** One text alone is a text; structured content stands for itself where there is no other. `clean` strikes out secrets. */
export const resultOf = (
  { content, structuredContent, isError, _meta = {} }: CallToolResult,
  clean: (text: string) => string,
): ToolResult => {
  const cleaned = (value: unknown) => cleanJson(asJson(value), clean);
  const blocks = content.map((block) => blockOf(block, clean));
  const [only] = blocks;
  const said = blocks.length === 1 && only?.type === "text" ? only.text : blocks;
  const structured = structuredContent === undefined ? undefined : cleaned(structuredContent);
  const own = Object.entries(_meta).filter(([key]) => !key.startsWith(PROTOCOL));
  const metadata: JsonObject = {
    ...(structured === undefined ? {} : { structured_content: structured }),
    ...(own.length ? { mcp_meta: cleaned(Object.fromEntries(own)) } : {}),
  };
  return {
    content: blocks.length ? said : (structured ?? ""),
    ...(isError ? { isError: true } : {}),
    ...(Object.keys(metadata).length ? { metadata } : {}),
  };
};
/** The protocol's own remarks, which are no part of an answer. */
const PROTOCOL = "io.modelcontextprotocol/";

const words = (text: string): ContentBlock => ({ type: "text", text });

const blockOf = (block: McpBlock, clean: (text: string) => string): ContentBlock => {
  switch (block.type) {
    case "text":
      return words(clean(block.text));
    case "image":
      if (!block.data.trim()) return words(clean(`[image, ${block.mimeType}: it is empty]`));
      return { type: "image", source: { type: "base64", media_type: block.mimeType, data: block.data } };
    case "audio":
      return words(clean(`[audio, ${block.mimeType}: it cannot be shown]`));
    case "resource_link":
      return words(clean(`[resource ${block.uri}: ${[block.title ?? block.name, block.description].filter(Boolean).join(": ")}]`));
    case "resource":
      return resource(block.resource, clean);
  }
};

const resource = (given: Extract<McpBlock, { type: "resource" }>["resource"], clean: (text: string) => string): ContentBlock => {
  if ("text" in given) return words(clean(given.text));
  const { mimeType = "application/octet-stream", blob, uri } = given;
  if (!blob.trim()) return words(clean(`[resource ${uri}, ${mimeType}: it is empty]`));
  const source = { type: "base64", media_type: mimeType, data: blob } as const;
  if (mimeType.startsWith("image/")) return { type: "image", source };
  if (mimeType === "application/pdf") return { type: "document", source };
  return words(clean(`[resource ${uri}, ${mimeType}: it cannot be shown]`));
};
