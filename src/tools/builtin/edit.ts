import { defineTool, type Tool } from "../../contract/tool.ts";
import type { Ledger } from "./ledger.ts";
import { Refused, refusals, resolvePath } from "./paths.ts";
import { replaceFile } from "./replace.ts";
import { readBytes } from "./text.ts";

type EditInput = { file_path: string; old_string: string; new_string: string; replace_all?: boolean };

export const editTool = (ledger: Ledger): Tool<EditInput> =>
  defineTool({
    name: "Edit",
    description:
      "Replaces a text in a file by another. The old text must stand there exactly once, unless replace_all is true. Line ends are kept.",
    input: {
      type: "object",
      properties: {
        file_path: { type: "string", description: "The file, absolute or from the working folder." },
        old_string: { type: "string", description: "The text that stands there now, to the character." },
        new_string: { type: "string", description: "The text that takes its place." },
        replace_all: { type: "boolean", default: false, description: "Replace every place." },
      },
      required: ["file_path", "old_string", "new_string"],
    },
    effect: "once",
    run: ({ file_path, old_string, new_string, replace_all = false }, ctx) =>
      refusals(async () => {
        if (old_string === "") throw new Refused("old_string is empty. Use Write for a new file.");
        if (old_string === new_string) throw new Refused("old_string and new_string are the same.");
        const path = await resolvePath(file_path, ctx);
        return ledger.alone(path, async () => {
          const text = utf8(await readBytes(path), path);
          const { parts, join } = split(text, old_string, new_string);
          const count = parts.length - 1;
          if (count === 0) throw new Refused("old_string does not stand in the file. Read the file again and copy it to the character.");
          if (count > 1 && !replace_all)
            throw new Refused(`old_string stands at ${count} places. Give more of the text around it, or set replace_all.`);
          await replaceFile(path, join(parts));
          return `Edited ${path}: ${count} replacement${count === 1 ? "" : "s"}.`;
        });
      }),
  });

const utf8 = (bytes: Buffer, path: string): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused(`${path} is not UTF-8 text; an edit would damage it.`);
  }
};

const toLf = (text: string) => text.replaceAll("\r\n", "\n");
const toCrlf = (text: string) => toLf(text).replaceAll("\n", "\r\n");

/**
 * The parts between the places, and how they become the new text. The model sees line feeds only, so in a file with Windows line ends a line
 * feed stands for either; what is put in gets the file's own.
 */
const split = (text: string, old: string, put: string) => {
  if (text.includes("\r\n")) {
    const mixed = /(^|[^\r])\n/.test(text);
    if (!mixed) return { parts: toLf(text).split(toLf(old)), join: (parts: string[]) => toCrlf(parts.join(toLf(put))) };
    if (!text.includes(old)) return { parts: text.split(toCrlf(old)), join: (parts: string[]) => parts.join(toCrlf(put)) };
  }
  return { parts: text.split(old), join: (parts: string[]) => parts.join(put) };
};
