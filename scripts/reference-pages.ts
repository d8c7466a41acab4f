/** The reference pages: folds over the stage definitions, the event lists, the error table and the state keys. */
import {
  CATEGORIES,
  ENGINE_EVENTS,
  ERRORS,
  FINDINGS,
  type Field,
  type Fields,
  MODEL,
  MUTATIONS,
  PIPELINE_SETTINGS,
  STATE,
  snake,
} from "geny-executor";
import { PIPELINE } from "geny-executor/stages";
import { conformancePage } from "./conformance-page.ts";

type AnyStage = {
  name: string;
  about: string;
  category: string;
  required?: boolean;
  brokenTurn?: "run" | "skip";
  config: Fields;
  reads: readonly string[];
  writes: readonly string[];
  events: Record<string, Fields>;
  slots: Record<
    string,
    {
      kind: "one" | "many";
      about: string;
      default: string | readonly string[];
      strategies: Record<string, { about: string; config: Fields; needs?: string }>;
    }
  >;
};

const HEAD = "<!-- Generated from the definitions by `npm run docs`. Do not edit. -->\n\n";
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");

const typeOf = (field: Field): string =>
  field.kind === "array" && field.item ? `${field.item.kind}[]` : field.options ? field.options.join(" \\| ") : field.kind;
const bounds = ({ min, max }: Field): string => (min === undefined && max === undefined ? "" : `${min ?? "…"} to ${max ?? "…"}`);
const fieldRows = (config: Fields): string[][] =>
  (Object.entries(config.shape) as [string, Field][]).map(([name, f]) => [
    `\`${name}\``,
    typeOf(f),
    f.default === undefined ? "*required*" : `\`${JSON.stringify(f.default)}\``,
    bounds(f),
    f.about,
  ]);
const FIELD_HEAD = ["key", "type", "default", "bounds", "what it is"];

const stages = (): string => {
  const phases = Object.entries(PIPELINE) as [string, readonly AnyStage[]][];
  let order = 0;
  const parts = phases.map(([phase, list]) => {
    const body = list.map((stage) => {
      order += 1;
      const flags = [
        stage.category,
        stage.required ? "required" : "",
        stage.brokenTurn === "run" ? "runs for a broken turn too" : "",
      ].filter(Boolean);
      const slots = Object.entries(stage.slots).map(([name, slot]) => {
        const rows = Object.entries(slot.strategies).map(([impl, strategy]) => {
          const keys = fieldRows(strategy.config).map(
            ([key, type, fallback, bound]) => `${key} ${type} = ${fallback}${bound ? ` (${bound})` : ""}`,
          );
          return [`\`${impl}\``, `${strategy.about}${strategy.needs ? ` Needs the host's \`${strategy.needs}\`.` : ""}`, keys.join("; ")];
        });
        const chosen = typeof slot.default === "string" ? `\`${slot.default}\`` : slot.default.map((d) => `\`${d}\``).join(", ") || "none";
        return `**${slot.kind === "one" ? "Slot" : "Chain"} \`${name}\`** (default ${chosen}): ${slot.about}\n\n${table(["strategy", "what it does", "config"], rows)}`;
      });
      const config = fieldRows(stage.config);
      const keys = (list: readonly string[]) => list.map((k) => `\`${k}\``).join(", ") || "nothing";
      return [
        `## ${order} ${stage.name}`,
        `${stage.about} *(${flags.join(", ")})*`,
        `Reads ${keys(stage.reads)}. Writes ${keys(stage.writes)}.`,
        ...(config.length ? [`**Config**\n\n${table(FIELD_HEAD, config)}`] : []),
        ...slots,
        ...(Object.keys(stage.events).length
          ? [
              `**Events** ${Object.keys(stage.events)
                .map((e) => `\`${e}\``)
                .join(", ")}`,
            ]
          : []),
      ].join("\n\n");
    });
    return `# ${phase}\n\n${body.join("\n\n")}`;
  });
  return `${HEAD}${parts.join("\n\n")}\n`;
};

const settings = (): string =>
  `${HEAD}# Settings\n\nThe manifest's \`model\` block:\n\n${table(FIELD_HEAD, fieldRows(MODEL))}\n\nThe manifest's \`pipeline\` block:\n\n${table(FIELD_HEAD, fieldRows(PIPELINE_SETTINGS))}\n`;

const events = (): string => {
  const all = Object.entries(PIPELINE)
    .flatMap(([, list]) => list as readonly AnyStage[])
    .flatMap((stage) => Object.entries(stage.events).map(([type, data]) => ({ type, by: stage.name, data })));
  const engine = Object.entries(ENGINE_EVENTS).map(([type, data]) => ({ type, by: "engine", data: data as Fields }));
  const rows = [...engine, ...all].map(({ type, by, data }) => [
    `\`${type}\``,
    by,
    (Object.entries(data.shape) as [string, Field][])
      .map(([name, f]) => `\`${name}\` ${typeOf(f)}${f.optional ? "?" : ""}: ${f.about}`)
      .join("; "),
  ]);
  return `${HEAD}# Events\n\nEvery event is \`{ type, stage, iteration, seq, run_id, session_id, timestamp, data }\`.\n\n${table(["type", "from", "data"], rows)}\n`;
};

const errors = (): string => {
  const rows = Object.entries(ERRORS).map(([code, row]) => [
    `\`${code}\``,
    row.category ?? "–",
    row.recoverable ? "yes" : "no",
    `${row.about}${"own" in row ? " *(not in the Python program)*" : ""}`,
  ]);
  const categories = Object.entries(CATEGORIES).map(([name, c]) => [
    `\`${name}\``,
    c.recoverable ? "yes" : "no",
    c.fatal ? "yes" : "no",
    `\`${c.code}\``,
  ]);
  return `${HEAD}# Errors\n\n${table(["code", "category", "recoverable", "what it means"], rows)}\n\n## Categories\n\n${table(["category", "recoverable", "fatal", "default code"], categories)}\n`;
};

const SEVERITIES = {
  error: "error",
  warning: "warning",
  active: "error; warning where the entry is not active",
  any_active: "error when one of the two is active, else warning",
  loaded: "warning in a manifest that was loaded, error in code",
};
const findings = (): string => {
  const rows = Object.entries(FINDINGS).map(([code, row]) => [
    `\`${code}\``,
    SEVERITIES[row.severity],
    `${row.about}${"own" in row ? " *(not in the Python program)*" : ""}`,
  ]);
  return `${HEAD}# Findings\n\nWhat \`validateManifest\`, \`ConfigError\` and \`pipeline.findings\` tell: \`{ severity, code, path, message, suggestion }\`.\n\n${table(["code", "severity", "what it means"], rows)}\n`;
};

const mutations = (): string => {
  const rows = Object.entries(MUTATIONS).map(([kind, form]) => [
    `\`${kind}\``,
    (Object.entries(form.shape) as [string, Field][]).map(([key, f]) => `\`${key}\`${f.optional ? "?" : ""}: ${f.about}`).join("; "),
  ]);
  return `${HEAD}# Mutations\n\nWhat \`mutator.apply\` takes: \`{ kind, … }\` with these keys and no other. A key with "?" may be left out.\n\n${table(["kind", "keys"], rows)}\n`;
};

const state = (): string => {
  const rows = Object.entries(STATE).map(([key, k]) => [
    `\`${key}\``,
    k.scope,
    `\`${("wire" in k && k.wire) || snake(key)}\``,
    `\`${JSON.stringify(k.default)}\``,
    "derived" in k ? "from the manifest; not in files" : "",
  ]);
  return `${HEAD}# State\n\nA \`turn\` key goes back to its default when a turn begins.\n\n${table(["key", "scope", "on the wire", "default", ""], rows)}\n`;
};

/** File name → text. */
export const reference = (): Record<string, string> => ({
  "stages.md": stages(),
  "settings.md": settings(),
  "events.md": events(),
  "errors.md": errors(),
  "findings.md": findings(),
  "mutations.md": mutations(),
  "state.md": state(),
  "conformance.md": conformancePage(HEAD),
});
