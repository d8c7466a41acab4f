import { basename, extname, join } from "node:path";
import { defineTool, type Tool } from "../../contract/tool.ts";
import type { Ledger } from "./ledger.ts";
import { Refused, refusals, resolvePath } from "./paths.ts";
import { decode, isBinary, linesOf, readBytes } from "./text.ts";

const LIMIT = 2000;
const IMAGES: { readonly [suffix: string]: string } = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".bmp": "image/bmp",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".ico": "image/x-icon",
  ".avif": "image/avif",
  ".heic": "image/heic",
  ".svg": "image/svg+xml",
};

export const readTool = (ledger: Ledger): Tool<{ file_path: string; offset?: number; limit?: number }> =>
  defineTool({
    name: "Read",
    description: "Reads a text file. Every line comes as its number, a tab and its text. Long files: read a part with offset and limit.",
    input: {
      type: "object",
      properties: {
        file_path: { type: "string", description: "The file, absolute or from the working folder." },
        offset: { type: "integer", minimum: 0, description: "Lines to leave out at the start. Default 0." },
        limit: { type: "integer", exclusiveMinimum: 0, description: `Most lines to read. Default ${LIMIT}.` },
      },
      required: ["file_path"],
    },
    effect: "read",
    run: ({ file_path, offset = 0, limit = LIMIT }, ctx) =>
      refusals(async () => {
        const path = await resolvePath(file_path, ctx, ctx.storagePath === null ? [] : [join(ctx.storagePath, "tool-results")]);
        const bytes = await readBytes(path);
        ledger.see(ctx.sessionId, path);
        const image = IMAGES[extname(path).toLowerCase()];
        if (image) return `[${basename(path)} is a picture, ${bytes.length} bytes of ${image}; it cannot be read as text.]`;
        if (isBinary(bytes)) return `[${basename(path)} is a binary file of ${bytes.length} bytes; it cannot be read as text.]`;
        const lines = linesOf(decode(bytes));
        if (lines.length === 0) return "";
        if (offset >= lines.length) throw new Refused(`The offset ${offset} is past the end: the file has ${lines.length} lines.`);
        const end = Math.min(offset + limit, lines.length);
        const shown = lines.slice(offset, end).map((line, i) => `${offset + i + 1}\t${line.trimEnd()}`);
        if (end < lines.length) shown.push(`[${lines.length - end} more of ${lines.length} lines: go on with offset ${end}.]`);
        return shown.join("\n");
      }),
  });
