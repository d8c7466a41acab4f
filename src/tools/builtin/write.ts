import { defineTool, type Tool } from "../../contract/tool.ts";
import type { Ledger } from "./ledger.ts";
import { Refused, refusals, resolvePath } from "./paths.ts";
import { replaceFile, sizeOf } from "./replace.ts";

export const writeTool = (ledger: Ledger): Tool<{ file_path: string; content: string }> =>
  defineTool({
    name: "Write",
    description: "Writes a file, and the folders above it. A file that is there and not empty must have been read before.",
    input: {
      type: "object",
      properties: {
        file_path: { type: "string", description: "The file, absolute or from the working folder." },
        content: { type: "string", description: "The whole content." },
      },
      required: ["file_path", "content"],
    },
    effect: "once",
    run: ({ file_path, content }, ctx) =>
      refusals(async () => {
        const path = await resolvePath(file_path, ctx);
        return ledger.alone(path, async () => {
          const bytes = Buffer.from(content);
          const there = ledger.seen(ctx.sessionId, path) ? 0 : await sizeOf(path);
          if (there > 0)
            throw new Refused(`${path} is there, with ${there} bytes that were not read yet. Read it first, or change it with Edit.`);
          await replaceFile(path, bytes);
          ledger.see(ctx.sessionId, path);
          return `Wrote ${bytes.length} bytes to ${path}.`;
        });
      }),
  });
