/** The names of the tools that come with the package. */
export const BUILTIN_NAMES = ["Read", "Write", "Edit", "Bash", "Glob", "Grep", "TodoWrite"] as const;
export type BuiltinName = (typeof BUILTIN_NAMES)[number];
