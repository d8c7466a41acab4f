/** Results that are too large for a message: the whole goes into a file, the model reads where it is and how it begins. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContentBlock } from "../contract/message.ts";
import type { Json } from "../contract/schema.ts";
import type { ToolResult } from "../contract/tool.ts";
import { cut } from "./result.ts";

const PEEK = 480;

type Shown = string | readonly ContentBlock[];

export interface Large {
  readonly toolUseId: string;
  readonly toolName: string;
  readonly result: ToolResult;
  readonly rendered: Shown;
  /** Characters that may stand in the message; 0 or less: all. */
  readonly limit: number;
  /** Null: there is no place for files. */
  readonly storagePath: string | null;
  warn(message: string, error: unknown): void;
}

/** What stands in the message. Pictures and documents always do; only text is measured and cut. */
export const shorten = (large: Large): Shown | Promise<Shown> => {
  const { rendered, limit, result } = large;
  const texts = typeof rendered === "string" ? rendered : rendered.flatMap((b) => (b.type === "text" ? [b.text] : [])).join("\n");
  return limit <= 0 || texts.length <= limit ? (result.display ?? rendered) : shortened(large, texts);
};

const shortened = async (large: Large, texts: string): Promise<Shown> => {
  const { rendered, limit, result } = large;
  const path = await keep(large);
  const short = result.display ?? (path === undefined ? cut(texts, limit) : peek(texts, limit, path));
  return typeof rendered === "string" ? short : [{ type: "text", text: short }, ...rendered.filter((b) => b.type !== "text")];
};

const peek = (text: string, limit: number, path: string): string =>
  `[The result has ${text.length} characters, more than the ${limit} that fit here. All of it is in ${path}. It begins:]\n${text.slice(0, PEEK)}${text.length > PEEK ? "…" : ""}`;

/** Writes the file and gives its path; undefined when there is no place for it. Never over another result: ids may come again. */
const keep = async ({ toolUseId, toolName, result, storagePath, warn }: Large): Promise<string | undefined> => {
  if (storagePath === null) return undefined;
  const folder = join(storagePath, "tool-results");
  const name = toolUseId.replace(/[^\p{L}\p{N}_-]/gu, "_").slice(0, 100) || "_";
  const content: Json = {
    tool_use_id: toolUseId,
    tool_name: toolName,
    is_error: result.isError ?? false,
    content: result.content as Json,
    metadata: result.metadata ?? {},
    artifacts: {},
  };
  try {
    await mkdir(folder, { recursive: true });
    for (let n = 1; ; n++) {
      const path = join(folder, `${name}${n === 1 ? "" : `-${n}`}.json`);
      const taken = await writeFile(path, JSON.stringify(content, null, 2), { flag: "wx" }).then(
        () => false,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "EEXIST") return true;
          throw error;
        },
      );
      if (!taken) return path;
    }
  } catch (error) {
    warn(`The large result of "${toolName}" could not be kept in ${folder}; it is cut instead.`, error);
    return undefined;
  }
};
