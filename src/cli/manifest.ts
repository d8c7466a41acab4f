/** `geny manifest`: makes, checks, shows, compares, migrates and edits manifests. Runs nothing, asks nobody. */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { ConfigError, type Finding, GenyExecutorError } from "../index.ts";
import {
  buildManifestFor,
  describeChanges,
  EnvironmentDiff,
  EnvironmentManifest,
  introspectAll,
  manifestFindingsFor,
  migrateManifest,
  presetCatalog,
  type Target,
  validateManifest,
} from "../manifest/index.ts";
import { edited, FLAGS } from "./manifest-edit.ts";

const HELP = `geny manifest — the pipeline as a file

  new [FILE]       a manifest from a preset: --preset KEY (default: worker_adaptive), --provider NAME, --model ID, --name TEXT
  check FILE...    everything that is wrong, with its path; --for python-2.1 or python-2.79: what would not load there
  describe FILE    the stages as they would run
  diff A B         what differs, in words; --entries: path by path
  migrate FILE     in the newest form, and what was done; --write: into the file
  edit FILE        ${FLAGS}; --write: into the file

  --json      as JSON
  --help      this text

Exit codes: 0 right, or nothing differs; 1 an error was found, or something differs; 2 wrong usage.
`;
const TARGETS: readonly Target[] = ["python-2.1", "python-2.79"];

const OPTIONS = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  write: { type: "boolean" },
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
const parse = (argv: readonly string[]) => parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
export type Values = ReturnType<typeof parse>["values"];
/** Exit code. Throws `Usage` for arguments that do not fit. */
type Command = (files: readonly string[], values: Values) => Promise<number>;
export class Usage extends Error {}

export const run = async (argv: readonly string[]): Promise<number> => {
  try {
    const { values, positionals } = parse(argv);
    const [name = "", ...files] = positionals;
    if (values.help) return print(HELP, 0);
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!command) throw new Usage(name ? `There is no command "${name}".` : "What is to be done?");
    return await command(files, values);
  } catch (error) {
    if (error instanceof GenyExecutorError || error instanceof Usage || isSystem(error)) {
      const usage = error instanceof Usage ? `\n\n${HELP}` : "\n";
      process.stderr.write(`${error.message}${usage}`);
      return error instanceof ConfigError ? 1 : 2;
    }
    throw error;
  }
};
/** A file that cannot be read or written, or arguments that `parseArgs` refuses. */
const isSystem = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && typeof error.code === "string" && /^(E[A-Z]+|ERR_PARSE_ARGS_)/.test(error.code);

const print = (text: string, code: number): number => {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  return code;
};
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const one = (files: readonly string[]): string => {
  const [file] = files;
  if (!file || files.length > 1) throw new Usage("One file, please.");
  return file;
};
const told = ({ severity, path, code, message, suggestion }: Finding): string =>
  `${severity === "error" ? "✗" : "!"} ${path || "(root)"}: ${message}${suggestion ? `. Did you mean "${suggestion}"?` : ""} [${code}]`;
const wrong = (findings: readonly Finding[]): boolean => findings.some(({ severity }) => severity === "error");

const make: Command = async (files, { preset = "worker_adaptive", provider, model, name }) => {
  if (files.length > 1) throw new Usage("One file, please.");
  const known = presetCatalog().find(({ key }) => key === preset);
  if (!known)
    throw new Usage(
      `There is no preset "${preset}": ${presetCatalog()
        .map(({ key }) => key)
        .join(", ")}.`,
    );
  const manifest = buildManifestFor(preset, {
    ...{ provider: provider ?? known.provider ?? "anthropic", builtInTools: ["*"] },
    ...(model ? { model } : {}),
    ...(name ? { name } : {}),
  });
  const [file] = files;
  if (!file) return print(json(manifest), 0);
  await manifest.save(file);
  return print(`Wrote ${file}.`, 0);
};

const check: Command = async (files, values) => {
  if (!files.length) throw new Usage("Which file?");
  const target = values.for;
  if (target !== undefined && !TARGETS.some((known) => known === target)) throw new Usage(`--for knows ${TARGETS.join(" and ")}.`);
  const checked = await Promise.all(files.map(async (file) => ({ file, findings: await findingsOf(file, target) })));
  const failed = checked.some(({ findings }) => wrong(findings));
  if (values.json) return print(json(checked), failed ? 1 : 0);
  const lines = checked.flatMap(({ file, findings }) => [
    `${file}: ${findings.length ? `${findings.length} finding${findings.length === 1 ? "" : "s"}` : "right"}`,
    ...findings.map((found) => `  ${told(found)}`),
  ]);
  return print(lines.join("\n"), failed ? 1 : 0);
};
const findingsOf = async (file: string, target: string | undefined): Promise<readonly Finding[]> => {
  const source = await readFile(file, "utf8");
  let document: unknown;
  try {
    document = JSON.parse(source);
  } catch {
    return [{ severity: "error", code: "json.invalid", path: "", message: "the file holds no JSON" }];
  }
  const findings = validateManifest(document);
  const known = TARGETS.find((one) => one === target);
  return known && !wrong(findings) ? manifestFindingsFor(document, known) : findings;
};

const describe: Command = async (files, values) => {
  const { stages } = (await EnvironmentManifest.load(one(files))).toJSON();
  const rows = introspectAll().map(({ order, name, strategy_slots, strategy_chains }) => {
    const entry = stages.find((stage) => stage.name === name);
    const slots = Object.entries(strategy_slots).map(
      ([slot, { current_impl }]) => [slot, entry?.strategies?.[slot] ?? current_impl] as const,
    );
    const chains = Object.entries(strategy_chains).map(
      ([chain, { current_impls }]) => [chain, entry?.chain_order?.[chain] ?? current_impls] as const,
    );
    return {
      order,
      name,
      active: entry !== undefined && entry.active !== false,
      strategies: Object.fromEntries<string | readonly string[]>([...slots, ...chains]),
    };
  });
  if (values.json) return print(json(rows), 0);
  const lines = rows.map(({ order, name, active, strategies }) => {
    const chosen = Object.entries(strategies).map(
      ([slot, impl]) => `${slot}=${typeof impl === "string" ? impl : `[${[...impl].join(", ")}]`}`,
    );
    return `${String(order).padStart(2)} ${name.padEnd(13)} ${active ? chosen.join(" ") : "off"}`.trimEnd();
  });
  return print(lines.join("\n"), 0);
};

const diff: Command = async (files, values) => {
  const [a, b] = files;
  if (!a || !b || files.length > 2) throw new Usage("Two files, please.");
  const [before, after] = await Promise.all([EnvironmentManifest.load(a), EnvironmentManifest.load(b)]);
  if (values.entries) {
    const found = EnvironmentDiff.compute(before, after, { stages: "name" });
    return print(values.json ? json(found) : found.lines().join("\n") || "Nothing differs.", found.identical ? 0 : 1);
  }
  const changes = describeChanges(before, after);
  const words = changes.map(({ text }) => `- ${text}`).join("\n");
  return print(values.json ? json(changes) : words || "Nothing differs.", changes.length ? 1 : 0);
};

const migrate: Command = async (files, values) => {
  const file = one(files);
  const { document, steps } = migrateManifest(JSON.parse(await readFile(file, "utf8")));
  for (const step of steps) process.stderr.write(`${told(step)}\n`);
  return finish(EnvironmentManifest.fromJSON(document), file, values);
};

const edit: Command = async (files, values) => {
  const file = one(files);
  const before = await EnvironmentManifest.load(file);
  const after = EnvironmentManifest.fromJSON(edited(before.toJSON(), values));
  const findings = validateManifest(after);
  if (wrong(findings)) throw new ConfigError(findings);
  for (const { text } of describeChanges(before, after)) process.stderr.write(`- ${text}\n`);
  return finish(after, file, values);
};

const finish = async (manifest: EnvironmentManifest, file: string, { write }: Values): Promise<number> => {
  if (!write) return print(json(manifest), 0);
  await manifest.save(file);
  return print(`Wrote ${file}.`, 0);
};

const COMMANDS: { readonly [name: string]: Command } = { new: make, check, describe, diff, migrate, edit };
