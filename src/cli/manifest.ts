/** `geny manifest`: makes, checks, shows, compares, migrates and edits manifests. Runs nothing, asks nobody. */
import { parseArgs } from "node:util";
import { ConfigError, GenyExecutorError } from "../index.ts";
import { didYouMean, nearest } from "../manifest/index.ts";
import { check, diff } from "./manifest-check.ts";
import { describe } from "./manifest-describe.ts";
import { edit, FLAGS, migrate } from "./manifest-edit.ts";
import { FileError, jsonText, type Reply, Usage } from "./manifest-files.ts";
import { make, presetNames } from "./manifest-new.ts";

const help = async (): Promise<string> => `geny manifest — the pipeline as a file

  new [FILE]       a manifest from a preset: --preset KEY (default: worker_adaptive), --provider NAME, --model ID, --name TEXT;
                   --force: over a file that is there
                   presets: ${(await presetNames()).join(", ")}
  check FILE...    everything that is wrong, with its path; --for python-2.1 or python-2.79: what would not load there too;
                   --strict: warnings are errors
  describe FILE    what would run: model, limits, tools, and the stages with what they are set to
  diff A B         what differs, in words; --entries: path by path
  migrate FILE     in the newest form, and what was done; --write: into the file
  edit FILE        ${FLAGS}; --write: into the file

  --json      one JSON document on standard output: what was found or done, and errors too
  --help      this text

A FILE that is read may be "-": standard input.
Exit codes: 0 all is right, or nothing differs; 1 something is wrong, or differs; 2 it could not be done: wrong usage, a file that cannot be
read, a preset, provider or stage that does not exist.
`;

const OPTIONS = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  write: { type: "boolean" },
  force: { type: "boolean" },
  strict: { type: "boolean" },
  entries: { type: "boolean" },
  preset: { type: "string" },
  provider: { type: "string" },
  model: { type: "string" },
  name: { type: "string" },
  for: { type: "string" },
  use: { type: "string", multiple: true },
  set: { type: "string", multiple: true },
  on: { type: "string", multiple: true },
  off: { type: "string", multiple: true },
  chain: { type: "string", multiple: true },
} as const;
const parse = (argv: readonly string[]) => parseArgs({ args: [...argv], allowPositionals: true, tokens: true, options: OPTIONS });
export type Values = ReturnType<typeof parse>["values"];

/** Options that have a value, in the order in which they were written. */
export type Words = readonly { readonly option: string; readonly value: string }[];
/** Throws `Usage` for arguments that do not fit, and `FileError`, `ConfigError` and `MutationError` for what cannot be done. */
export type Command = (files: readonly string[], values: Values, words: Words) => Promise<Reply>;

const COMMANDS: { readonly [name: string]: { readonly run: Command; readonly options: readonly (keyof Values)[] } } = {
  new: { run: make, options: ["preset", "provider", "model", "name", "force"] },
  check: { run: check, options: ["for", "strict"] },
  describe: { run: describe, options: [] },
  diff: { run: diff, options: ["entries"] },
  migrate: { run: migrate, options: ["write"] },
  edit: { run: edit, options: ["use", "set", "on", "off", "chain", "write"] },
};

/** Whether these words are this command's, but for a slip in its name: `manifset check …`. */
export const isMeant = ([first = "", second = ""]: readonly string[]): boolean =>
  Object.hasOwn(COMMANDS, second) && nearest(first, ["manifest"]) !== undefined;

export const run = async (argv: readonly string[]): Promise<number> => {
  try {
    const { values, positionals, tokens } = parse(argv);
    if (values.help) {
      process.stdout.write(await help());
      return 0;
    }
    const [name = "", ...files] = positionals;
    const command = commandOf(name);
    const given = tokens.flatMap((token) => (token.kind === "option" ? [{ option: token.name, value: token.value ?? "" }] : []));
    const stray = given.find(({ option }) => !["json", "help", ...command.options].includes(option));
    if (stray) throw new Usage(`"${name}" has no option --${stray.option}.`);
    return say(await command.run(files, values, given), values.json === true);
  } catch (error) {
    return await fail(error, argv.includes("--json"));
  }
};

const commandOf = (name: string) => {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return command;
  throw new Usage(name ? `There is no command "${name}".${didYouMean(nearest(name, Object.keys(COMMANDS)))}` : "What is to be done?");
};

const say = ({ code, text, value, notes = [] }: Reply, json: boolean): number => {
  if (json) process.stdout.write(jsonText(value));
  else {
    for (const note of notes) process.stderr.write(`${note}\n`);
    if (text) process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  }
  return code;
};

const fail = async (error: unknown, json: boolean): Promise<number> => {
  const usage = error instanceof Usage || isArguments(error);
  if (!usage && !(error instanceof FileError || error instanceof GenyExecutorError)) throw error;
  if (json) process.stdout.write(jsonText({ error: failure(error) }));
  else process.stderr.write(`${error.message}\n${usage ? `\n${await help()}` : ""}`);
  return 2;
};
/** An error as data: its code, its words, and its findings where it has some. */
const failure = (error: Error): object => {
  const code = error instanceof FileError || error instanceof GenyExecutorError ? error.code : "usage";
  const findings = error instanceof FileError || error instanceof ConfigError ? error.findings : [];
  return { code, message: error.message, ...(findings.length ? { findings } : {}) };
};
/** What `parseArgs` refuses. */
const isArguments = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("ERR_PARSE_ARGS_");
