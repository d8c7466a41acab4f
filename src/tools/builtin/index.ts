/** The tools that come with the package. */
import { BUILTIN_NAMES, type BuiltinName } from "../../contract/builtin.ts";
import { ConfigError } from "../../contract/errors.ts";
import { finding } from "../../contract/findings.ts";
import { nearest } from "../../contract/nearest.ts";
import type { Tool } from "../../contract/tool.ts";
import { bashTool } from "./bash.ts";
import { editTool } from "./edit.ts";
import { globTool } from "./glob.ts";
import { grepTool } from "./grep.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { readTool } from "./read.ts";
import { todoTool } from "./todo.ts";
import { writeTool } from "./write.ts";

const BUILTINS = {
  Read: readTool,
  Write: writeTool,
  Edit: editTool,
  Bash: () => bashTool,
  Glob: () => globTool,
  Grep: () => grepTool,
  TodoWrite: () => todoTool,
} as const satisfies { [name in BuiltinName]: (ledger: Ledger) => Tool };
const isBuiltin = (name: string): name is BuiltinName => Object.hasOwn(BUILTINS, name);

/**
 * The built-in tools, or those with the names given, in that order. They share one memory of the files that a session has read. Throws
 * `ConfigError` for a name that does not exist.
 */
export const builtinTools = ({ names }: { names?: readonly string[] } = {}): readonly Tool[] => {
  const ledger = createLedger();
  return (names ?? BUILTIN_NAMES).map((name, i) => {
    if (isBuiltin(name)) return BUILTINS[name](ledger);
    const message = `there is no built-in tool "${name}" (known: ${BUILTIN_NAMES.join(", ")})`;
    throw new ConfigError([finding("tools.unknown_builtin", `names[${i}]`, message, nearest(name, BUILTIN_NAMES))]);
  });
};
