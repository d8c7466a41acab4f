/** The recorded calls of the built-in tools that exist here, and the list of what is answered otherwise on purpose. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, test } from "node:test";
import { type Call, systemClock, type Tool, type ToolResult } from "geny-executor";
import { builtinTools, createDispatcher, ToolRegistry } from "geny-executor/tools";
import { type Content, changed, type Fixture, fits, golden, placed, snapshot, temporary, writeTree } from "./recording.ts";

interface Vector {
  readonly id: string;
  readonly tool: string;
  readonly class: "contract" | "incidental";
  readonly fields: readonly string[];
  readonly input: { readonly [key: string]: never };
  readonly pre_files?: { readonly [path: string]: Content };
  readonly pre_symlinks?: { readonly [path: string]: string };
  readonly context?: {
    readonly working_dir?: string;
    readonly env_vars?: { readonly [name: string]: string };
    readonly allowed_paths?: readonly string[];
  };
  readonly result: { readonly is_error: boolean; readonly error_code: string | null; readonly content: unknown };
}
interface Difference {
  readonly rule: string;
  readonly why: string;
  covers(vector: Vector, tree: Fixture["tree"]): boolean;
}

const text = (vector: Vector, key: string): string => String(vector.input[key] ?? "");
const isCrlf = (content: Content | undefined) =>
  typeof content === "object" ? Buffer.from(content.base64, "base64").includes("\r\n") : (content?.includes("\r\n") ?? false);
const relativePath = (vector: Vector) => "path" in vector.input && !text(vector, "path").startsWith("<root>");

const DIFFERENCES: readonly Difference[] = [
  {
    rule: "write_unread",
    why: "better on purpose: a file that is there and not empty is not overwritten unread",
    covers: (v, tree) => v.tool === "Write" && !v.result.is_error && Boolean(tree[text(v, "file_path")]),
  },
  {
    rule: "crlf_kept",
    why: "better on purpose: an edit keeps Windows line ends, and finds a text that has them",
    covers: (v, tree) => v.tool === "Edit" && isCrlf(tree[text(v, "file_path")]),
  },
  {
    rule: "empty_allow_list",
    why: "better on purpose: a list of allowed folders that is empty allows none; no list allows all",
    covers: (v) => v.context?.allowed_paths?.length === 0,
  },
  {
    rule: "search_guarded",
    why: "better on purpose: Glob and Grep stay inside of the allowed folders",
    covers: (v) => (v.tool === "Glob" || v.tool === "Grep") && Boolean(v.context?.allowed_paths?.length),
  },
  {
    rule: "search_working_dir",
    why: "better on purpose: a relative folder starts at the working folder, as everywhere else",
    covers: (v) => (v.tool === "Glob" || v.tool === "Grep") && relativePath(v) && text(v, "path") !== "",
  },
  {
    rule: "braces",
    why: "better on purpose: {a,b} in a pattern means either",
    covers: (v) => /\{.*,.*\}/.test(text(v, v.tool === "Grep" ? "glob" : "pattern")) && (v.tool === "Glob" || v.tool === "Grep"),
  },
  {
    rule: "double_star",
    why: "better on purpose: ** alone finds every file below",
    covers: (v) => v.tool === "Glob" && text(v, "pattern").endsWith("**"),
  },
  {
    rule: "bad_expression_code",
    why: "better on purpose: an expression that cannot be read is invalid_input, with the path of the field",
    covers: (v) => v.tool === "Grep" && v.result.is_error && v.result.error_code === null && text(v, "pattern") === "(",
  },
  {
    rule: "whole_float",
    why: "better on purpose: 2.0 is 2, and does not crash",
    covers: (v) => v.tool === "Read" && v.result.error_code === "tool_crashed",
  },
  {
    rule: "output_tail",
    why: "better on purpose: of too long an output the tail is kept too, for errors stand there",
    covers: (v) => v.tool === "Bash" && typeof v.result.content === "object" && !v.result.is_error,
  },
];

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const door: Call = { signal: new AbortController().signal, emit() {}, step: (_name, effect) => effect(door.signal) };

interface Answer {
  readonly content: unknown;
  readonly is_error: boolean;
  readonly error_code: string | null;
  readonly metadata: unknown;
  readonly state_mutations: unknown;
  readonly files_after: unknown;
}

const replay = async (vector: Vector, root: string, readFirst = false): Promise<Answer> => {
  const seen: ToolResult[] = [];
  const tools = new ToolRegistry();
  const spied = (tool: Tool): Tool => ({
    ...tool,
    async run(input, ctx) {
      const result = await tool.run(input, ctx);
      seen.unshift(typeof result === "string" ? { content: result } : result);
      return result;
    },
  });
  for (const tool of builtinTools()) tools.register(spied(tool));
  const { input, context = {} } = placed({ input: vector.input, context: vector.context }, root);
  const dispatcher = createDispatcher({
    tools,
    clock: systemClock,
    log: silent,
    workingDir: context.working_dir ?? root,
    allowedPaths: context.allowed_paths ?? null,
    env: context.env_vars ?? {},
  });
  const state = { sessionId: "s", shared: {}, turn: 1, toolCallsTotal: 0 };
  const ask = (tool_name: string, tool_input: object) =>
    dispatcher.dispatch({ tool_use_id: "t", tool_name, tool_input: { ...tool_input } }, state, door);
  if (readFirst) await ask("Read", { file_path: input.file_path });
  const earlier = snapshot(root);
  const outcome = await ask(vector.tool, input);
  const [, code = null, json] = /^ERROR (\w+): [^\n]*\n([\s\S]*)$/.exec(String(outcome.block.content)) ?? [];
  return {
    content: json === undefined ? outcome.block.content : JSON.parse(json),
    is_error: outcome.isError,
    error_code: code,
    metadata: code === null ? (seen[0]?.metadata ?? {}) : { error_code: code },
    state_mutations: outcome.mutations,
    files_after: changed(earlier, snapshot(root)),
  };
};

const same = (answer: Answer, vector: Vector, root: string): string[] => {
  const recorded = new Map(
    Object.entries(placed({ files_after: {}, metadata: {}, state_mutations: {}, ...vector, ...vector.result }, root)),
  );
  const ours = new Map(Object.entries(answer));
  return vector.fields.filter((field) => !fits(ours.get(field), recorded.get(field)));
};

const folders: string[] = [];
let fixture: Fixture & { readonly vectors: readonly Vector[] };
const built = new Set(builtinTools().map((tool) => tool.name));
const here = (v: Vector) => built.has(v.tool) || v.result.error_code === "unknown_tool";
/** A folder with the recorded files; one folder serves all vectors that leave it as it was. */
let clean: string | undefined;
const prepare = async (vector: Vector): Promise<string> => {
  const own = vector.pre_files || vector.pre_symlinks;
  if (clean && !own) return clean;
  const root = await temporary();
  folders.push(root);
  await writeTree(root, fixture, vector.pre_files, vector.pre_symlinks);
  if (!own) clean = root;
  return root;
};
const leave = ({ files_after }: Answer): void => {
  if (Object.keys(Object(files_after)).length > 0) clean = undefined;
};

before(async () => {
  fixture = await golden("vectors.json");
});
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

test("the recorded calls of the seven built-in tools give what was recorded, or a listed difference", async () => {
  const wrong: string[] = [];
  const used = new Set<string>();
  for (const vector of fixture.vectors.filter(here)) {
    const root = await prepare(vector);
    const answer = await replay(vector, root);
    leave(answer);
    const fields = same(answer, vector, root);
    if (fields.length === 0) continue;
    const covering = DIFFERENCES.filter((difference) => difference.covers(vector, fixture.tree));
    for (const { rule } of covering) used.add(rule);
    if (covering.length === 0)
      wrong.push(`${vector.id}: ${fields.join()}: ${JSON.stringify(answer)} instead of ${JSON.stringify(vector.result)}`);
  }
  assert.deepEqual(wrong, []);
  if (!process.env.GOLDEN)
    assert.deepEqual(
      DIFFERENCES.filter(({ rule }) => !used.has(rule)).map(({ rule }) => rule),
      [],
    );
});

test("what Write refuses unread it writes as recorded once the file was read", async () => {
  const refused = fixture.vectors.filter((v) => DIFFERENCES[0]?.covers(v, fixture.tree));
  assert.ok(refused.length > 0);
  for (const vector of refused) {
    const root = await prepare(vector);
    const answer = await replay(vector, root, true);
    leave(answer);
    assert.deepEqual(same(answer, vector, root), [], vector.id);
  }
});

test("schemas, limits and concurrency of the built-in tools are those of the catalogue", async () => {
  interface Listed {
    readonly name: string;
    readonly input_schema: object;
    readonly capabilities: { readonly concurrency_safe: boolean; readonly max_result_chars: number };
  }
  const { tools } = await golden<{ tools: readonly Listed[] }>("catalogue.json");
  const bare = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(bare)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .filter(([key, item]) => key !== "description" || typeof item !== "string")
              .map(([key, item]) => [key, bare(item)]),
          )
        : value;
  for (const tool of builtinTools()) {
    const listed = tools.find(({ name }) => name === tool.name);
    assert.deepEqual(bare(tool.input), listed?.input_schema, tool.name);
    assert.equal(tool.effect === "read", listed?.capabilities.concurrency_safe, tool.name);
    assert.equal(tool.resultLimit ?? 100_000, listed?.capabilities.max_result_chars, tool.name);
  }
});
