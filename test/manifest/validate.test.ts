// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what references look like
/** Every finding of a manifest at once, and what a load makes of them. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  ConfigError,
  EnvironmentManifest,
  extend,
  FINDINGS,
  type FindingCode,
  fields,
  int,
  type ManifestDocument,
  Pipeline,
  validateManifest,
} from "geny-executor";
import { context } from "geny-executor/stages";
import { load } from "../golden-replay/data.ts";
import { manifestNamed } from "../golden-replay/manifest-cases.ts";

const base = (): ManifestDocument => structuredClone(manifestNamed("all-active-v3.json") as ManifestDocument);
type Change = Omit<Partial<ManifestDocument>, "stages"> & { readonly stages?: { readonly [name: string]: object } };
/** The manifest with all stages active, with blocks and entries changed. */
const given = ({ stages = {}, ...blocks }: Change): unknown => {
  const document = base();
  const entries = document.stages.map((entry) => ({ ...entry, ...stages[entry.name] }));
  return { ...document, ...blocks, stages: entries };
};
const line = ({ severity, code, path, suggestion }: ReturnType<typeof validateManifest>[number]) =>
  `${severity} ${code} ${path}${suggestion ? ` → ${suggestion}` : ""}`;
const told = (manifest: unknown, options: Parameters<typeof validateManifest>[1] = {}): string[] =>
  validateManifest(manifest, options).map(line);
const appended = (entry: object): unknown => ({ ...base(), stages: [...base().stages, entry] });

/** What a manifest may have wrong → the one finding that says so. */
const CASES: { readonly [C in FindingCode]?: readonly [manifest: unknown, told: string] } = {
  "form.invalid": [given({ metadata: { tags: "a" } }), "error form.invalid metadata.tags"],
  "form.cycle": [cyclic(), "error form.cycle metadata.self"],
  "form.too_deep": [given({ metadata: { deep: deep(80) } }), `error form.too_deep metadata.deep${".a".repeat(62)}`],
  "form.too_large": [given({ metadata: { tags: Array(200_000).fill("a") } }), "error form.too_large metadata.tags"],
  "form.forbidden_key": [
    given({ metadata: JSON.parse('{"__proto__":{"polluted":1}}') as object as never }),
    "error form.forbidden_key metadata.__proto__",
  ],
  "manifest.unknown_key": [given({ metadata: { nmae: "x" } }), "warning manifest.unknown_key metadata.nmae → name"],
  "version.unknown": [given({ version: "9.9" }), "warning version.unknown version"],
  "memory.missing_provider": [given({ memory: { config: {} } }), "error memory.missing_provider memory.provider"],
  "memory.unknown_provider": [given({ memory: { provider: "fiel" } }), "error memory.unknown_provider memory.provider → file"],
  "memory.unknown_key": [given({ memory: { provider: "file", confg: {} } }), "warning memory.unknown_key memory.confg → config"],
  "memory.unknown_config_key": [
    given({ memory: { provider: "sql", config: { dns: "x" } } }),
    "warning memory.unknown_config_key memory.config.dns → dsn",
  ],
  "model.default_mismatch": [
    given({ model: {}, stages: { api: { config: { provider: "openai" } } } }),
    "warning model.default_mismatch model.model",
  ],
  "model.dual_home": [
    given({ model: { model: "m" }, stages: { api: { model_override: { model: "n" } } } }),
    "warning model.dual_home stages[5].model_override.model",
  ],
  "pipeline.artifacts_unconsumed": [
    given({ pipeline: { artifacts: { api: "openai" } } }),
    "warning pipeline.artifacts_unconsumed pipeline.artifacts",
  ],
  "tools.adhoc_unconsumed": [given({ tools: { adhoc: [{ name: "x" }] } }), "warning tools.adhoc_unconsumed tools.adhoc"],
  "tools.scope_unconsumed": [given({ tools: { scope: { a: 1 } } }), "warning tools.scope_unconsumed tools.scope"],
  "tools.unknown_builtin": [given({ tools: { built_in: ["Raed"] } }), "warning tools.unknown_builtin tools.built_in[0] → Read"],
  "tools.mcp_nameless": [given({ tools: { mcp_servers: [{ command: "x" }] } }), "warning tools.mcp_nameless tools.mcp_servers[0]"],
  "subagent.malformed_entry": [given({ subagents: ["a"] }), "error subagent.malformed_entry subagents[0]"],
  "subagent.missing_type": [given({ subagents: [{ description: "a" }] }), "error subagent.missing_type subagents[0].agent_type"],
  "subagent.duplicate_type": [
    given({ subagents: [{ agent_type: "a" }, { agent_type: "a" }] }),
    "error subagent.duplicate_type subagents[1].agent_type",
  ],
  "subagent.dual_source": [
    given({ subagents: [{ agent_type: "a", env_id: "env_1", manifest: {} }] }),
    "warning subagent.dual_source subagents[0].env_id",
  ],
  "subagent.unknown_provider": [
    given({ subagents: [{ agent_type: "a", provider: "antropic", model: "m" }] }),
    "warning subagent.unknown_provider subagents[0].provider → anthropic",
  ],
  "subagent.overrides_ignored": [
    given({ subagents: [{ agent_type: "a", env_id: "env_1", model: "m" }] }),
    "warning subagent.overrides_ignored subagents[0].model",
  ],
  "subagent.model_default_mismatch": [
    given({ subagents: [{ agent_type: "a", provider: "openai" }] }),
    "warning subagent.model_default_mismatch subagents[0].provider",
  ],
  "stage.unknown_key": [given({ stages: { cache: { activ: true } } }), "warning stage.unknown_key stages[4].activ → active"],
  "stage.old_name": [given({ stages: { cache: { name: "s05_cache" } } }), "warning stage.old_name stages[4].name → cache"],
  "stage.unknown_name": [given({ stages: { cache: { name: "cahce" } } }), "error stage.unknown_name stages[4].name → cache"],
  "stage.duplicate_order": [appended({ order: 16, name: "loop" }), "error stage.duplicate_order stages[21].name"],
  "stage.duplicate_name": [appended({ name: "loop" }), "error stage.duplicate_name stages[21].name"],
  "stage.order_mismatch": [given({ stages: { cache: { order: 50 } } }), "warning stage.order_mismatch stages[4].order"],
  "stage.required_inactive": [given({ stages: { parse: { active: false } } }), "error stage.required_inactive stages[8]"],
  "stage.unknown_artifact": [
    given({ stages: { api: { artifact: "opanai" } } }),
    "error stage.unknown_artifact stages[5].artifact → openai",
  ],
  "stage.override_unsupported": [
    given({ stages: { cache: { model_override: { model: "m" } } } }),
    "warning stage.override_unsupported stages[4].model_override",
  ],
  "stage.binding_unsupported": [
    given({ stages: { cache: { tool_binding: { stage_order: 5, blocked: ["x"] } } } }),
    "warning stage.binding_unsupported stages[4].tool_binding",
  ],
  "provider.legacy_location": [
    given({ stages: { cache: { active: false, strategies: { provider: "x" } } } }),
    "error provider.legacy_location stages[4].strategies.provider",
  ],
  "provider.legacy_mock": [
    given({ stages: { api: { strategies: { provider: "mock" } } } }),
    "warning provider.legacy_mock stages[5].strategies.provider",
  ],
  "provider.missing": [given({ stages: { api: { config: { provider: "" } } } }), "error provider.missing stages[5].config.provider"],
  "strategy.unknown_slot": [
    given({ stages: { cache: { strategies: { stratgy: "no_cache" } } } }),
    "error strategy.unknown_slot stages[4].strategies.stratgy → strategy",
  ],
  "strategy.unknown_impl": [
    given({ stages: { cache: { strategies: { strategy: "nocache" } } } }),
    "error strategy.unknown_impl stages[4].strategies.strategy → no_cache",
  ],
  "strategy.needs_host": [
    given({ stages: { system: { strategies: { builder: "dynamic_persona" } } } }),
    "warning strategy.needs_host stages[2].strategies.builder",
  ],
  "strategy.config_unpaired": [
    given({ stages: { guard: { chain_order: { guards: ["iteration"] }, strategy_configs: { guards: { cost_budget: {} } } } } }),
    "warning strategy.config_unpaired stages[3].strategy_configs.guards.cost_budget",
  ],
  "strategy.config_dropped": [
    given({ stages: { cache: { strategy_configs: { strategy: { a: 1 } }, strategies: { strategy: "no_cache" } } } }),
    "error strategy.config_dropped stages[4].strategy_configs.strategy",
  ],
  "strategy.config_unknown_key": [
    given({ stages: { context: { strategies: { compactor: "truncate" }, strategy_configs: { compactor: { keeplast: 1 } } } } }),
    "error strategy.config_unknown_key stages[1].strategy_configs.compactor.keeplast → keep_last",
  ],
  "strategy.config_invalid": [
    given({ stages: { context: { strategies: { compactor: "truncate" }, strategy_configs: { compactor: { keep_last: 0 } } } } }),
    "error strategy.config_invalid stages[1].strategy_configs.compactor.keep_last",
  ],
  "chain.unknown": [
    given({ stages: { guard: { chain_order: { guard: [] } } } }),
    "error chain.unknown stages[3].chain_order.guard → guards",
  ],
  "chain.unknown_impl": [
    given({ stages: { guard: { chain_order: { guards: ["cost_budjet"] } } } }),
    "error chain.unknown_impl stages[3].chain_order.guards[0] → cost_budget",
  ],
  "chain.order_unappliable": [
    given({ stages: { guard: { chain_order: { guards: ["iteration", "iteration"] } } } }),
    "warning chain.order_unappliable stages[3].chain_order.guards[1]",
  ],
  "config.unknown_key": [
    given({ stages: { tool: { config: { max_concurency: 2 } } } }),
    "warning config.unknown_key stages[9].config.max_concurency → max_concurrency",
  ],
  "config.invalid": [given({ pipeline: { max_iterations: 0 } }), "error config.invalid pipeline.max_iterations"],
};

function deep(levels: number): never {
  let value: object = {};
  for (let i = 0; i < levels; i++) value = { a: value };
  return value as never;
}
function cyclic(): unknown {
  const metadata: { self?: unknown } = {};
  metadata.self = metadata;
  return given({ metadata: metadata as never });
}

test("a manifest that is right yields nothing", () => {
  for (const name of ["all-active-v3.json", "blank-v3.json", "preset-agent-v3.json"]) assert.deepEqual(told(manifestNamed(name)), []);
});

describe("validateManifest tells", () => {
  for (const [code, [manifest, expected]] of Object.entries(CASES))
    test(code, () => {
      assert.deepEqual(told(manifest, { tools: ["Read"] }), [expected]);
      for (const { message } of validateManifest(manifest)) assert.ok(message.length > 5, message);
    });

  test("older versions by what migrating did, at the paths of what was given", () => {
    const old = { ...base(), version: "2.0", stages: base().stages.filter(({ name }) => name !== "hitl" && name !== "persist") };
    const stages = old.stages
      .toReversed()
      .map((entry) => (entry.name === "loop" ? { ...entry, order: 13, config: { max_turns: -1 } } : entry));
    assert.deepEqual(told({ ...old, stages }), [
      "warning version.migrated version",
      `warning stage.renumbered stages[${stages.findIndex(({ name }) => name === "loop")}].order`,
      "warning stage.added stages",
      `error config.invalid stages[${stages.findIndex(({ name }) => name === "loop")}].config.max_turns`,
    ]);
  });

  test("every code that a manifest can have", () => {
    const elsewhere =
      /^(?:json|option|mutation|credentials|capability|extras|preset|environment|import)\.|^provider\.(?:unknown|contradicts)$|^tools\.(?:invalid|mcp_(?:invalid|unresolved|not_connected)|external_.*|provider_failed|name_taken|schema_unchecked)$|^(?:memory|subagent)\.needs_host$|^selection\.|^stage\.(?:unbuildable|added|renumbered)$|^version\.migrated$/;
    const untested = Object.keys(FINDINGS).filter((code) => !elsewhere.test(code) && !Object.hasOwn(CASES, code));
    assert.deepEqual(untested, []);
  });
});

test("MCP servers are looked at as loading looks at them; what a reference stands for is taken as right", () => {
  const servers = [
    { name: "a", transport: "STDIO", command: "x" },
    { name: "b" },
    { name: "b", url: "ftp://x" },
    { name: "c d", url: "http://x" },
    { name: "e", url: "${E_URL}", transport: "${E_KIND}", headers: { authorization: "${E_KEY}" } },
    { name: "f", url: "http://me:secret@x" },
  ];
  const manifest = given({ tools: { mcp_servers: servers } });
  const expected = [
    "error tools.mcp_invalid tools.mcp_servers[0].transport",
    "error tools.mcp_invalid tools.mcp_servers[1].command",
    "error tools.mcp_invalid tools.mcp_servers[2].name",
    "error tools.mcp_invalid tools.mcp_servers[2].url",
    "error tools.mcp_invalid tools.mcp_servers[3].name",
    "error tools.mcp_invalid tools.mcp_servers[5].url",
  ];
  assert.deepEqual(told(manifest), expected);
  const lenient = new Pipeline({ manifest: manifest as ManifestDocument, strict: false });
  assert.deepEqual(lenient.snapshot().toJSON().tools.mcp_servers, [servers[4]]);
  new Pipeline({ manifest: lenient.snapshot() });
});

test("a built-in tool that there is none of is told without the host's names, too", () => {
  assert.deepEqual(told(given({ tools: { built_in: ["Reed"] } })), ["warning tools.unknown_builtin tools.built_in[0] → Read"]);
  assert.throws(() => validateManifest(given({}), { toolz: [] } as object), ConfigError);
});

test("a value is looked at under whatever key it stands", () => {
  for (const key of ["constructor", "prototype", "toString", "hasOwnProperty", ""])
    for (const group of ["strategies", "strategy_configs", "chain_order"])
      assert.ok(
        told(given({ stages: { cache: { [group]: { [key]: null } } } })).includes(`error form.invalid stages[4].${group}.${key}`),
        key,
      );
  const odd = { toString: null, valueOf: [] };
  const manifest = given({ version: odd as never, stages: { api: { config: { provider: odd } } }, tools: { built_in: [odd] } as never });
  assert.deepEqual(told(manifest, { tools: [] }), [
    "error form.invalid version",
    "error form.invalid tools.built_in[0]",
    "error config.invalid stages[5].config.provider",
  ]);
});

test("all at once: the form, names, configs and blocks", () => {
  const manifest = given({
    model: { max_tokens: "x" } as never,
    memory: { provider: "x" },
    stages: { cache: { strategies: null }, tool: { config: { max_concurrency: 100 } }, loop: { name: "lop" }, api: { config: {} } },
  });
  const expected = [
    "error form.invalid stages[4].strategies",
    "error config.invalid model.max_tokens",
    "error provider.missing stages[5].config.provider",
    "error stage.unknown_name stages[15].name → loop",
    "error config.invalid stages[9].config.max_concurrency",
    "error memory.unknown_provider memory.provider",
  ];
  assert.deepEqual(told(manifest), expected);
  assert.throws(
    () => new Pipeline({ manifest: manifest as ManifestDocument }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(error.findings.map(line), [...expected, "warning memory.needs_host memory"]);
      for (const { path } of error.findings) assert.ok(error.message.includes(path), path);
      return true;
    },
  );
});

test("a host's own strategies, stages, providers and tools are known, and what is no stage is told", () => {
  const mine = extend(context, "strategy", { mine: { about: "mine", config: fields({}), create: () => (messages) => messages } });
  const manifest = given({
    tools: { built_in: ["Mine"] },
    stages: { context: { strategies: { strategy: "mine" } }, api: { config: { provider: "me" } } },
  });
  assert.deepEqual(told(manifest, { stages: { context: mine }, providers: ["me"], tools: ["Mine"] }), []);
  assert.equal(told(manifest, { tools: [] }).length, 3);
  assert.deepEqual(told(base(), { stages: { contxt: mine, guard: {}, loop: null } }), [
    "error stage.unknown_name options.stages.contxt → context",
    "error stage.unbuildable options.stages.guard",
    "error stage.unbuildable options.stages.loop",
  ]);
});

test("an entry that is not active never keeps a manifest from loading, but for a provider in its old place", () => {
  const inactive = (entry: object) => ({ active: false, ...entry });
  const manifest = given({
    stages: {
      cache: inactive({ strategies: { strategy: "zzz" }, strategy_configs: 5, artifact: "redis" }),
      guard: inactive({ config: { max_chain_length: "many" }, chain_order: { zzz: [] } }),
      persist: inactive({ strategies: { frequency: "every_n_turns" }, strategy_configs: { frequency: { n: 0 } } }),
      emit: inactive({ name: "emitt" }),
      tool: inactive({ tool_binding: { allowed: ["a"] }, config: [] }),
    },
  });
  const findings = validateManifest(manifest);
  assert.ok(findings.length >= 9, String(findings.length));
  assert.deepEqual(
    findings.filter(({ severity }) => severity === "error"),
    [],
  );
  new Pipeline({ manifest: manifest as ManifestDocument });
});

test("an unknown key is a warning and kept where a manifest was loaded, an error where it stands in code, and always an error for a strategy", () => {
  const manifest = given({
    model: { modle: "x" } as never,
    stages: {
      tool: { config: { zzz: 1 } },
      context: { strategies: { compactor: "truncate" }, strategy_configs: { compactor: { zzz: 1 } } },
    },
  });
  const severities = (unknownKeys?: "error" | "warning") => validateManifest(manifest, { unknownKeys }).map(({ severity }) => severity);
  assert.deepEqual(severities(), ["warning", "error", "warning"]);
  assert.deepEqual(severities("error"), ["error", "error", "error"]);
  const loaded = new Pipeline({ manifest: given({ stages: { tool: { config: { zzz: 1 } } } }) as ManifestDocument });
  assert.deepEqual(loaded.snapshot().toJSON().stages[9]?.config, { zzz: 1 });
});

describe("read leniently", () => {
  const lenient = (manifest: unknown) => new Pipeline({ manifest: manifest as ManifestDocument, strict: false });

  test("what is wrong is dropped, the default acts, and each thing is told with its path", () => {
    const pipeline = lenient(
      given({
        model: { max_tokens: 0, temperature: 0.5 },
        stages: {
          context: {
            strategies: { strategy: "zzz", compactor: "sliding_window" },
            strategy_configs: { compactor: { window_size: 0, zzz: 1 } },
          },
          guard: { chain_order: { guards: ["iteration", "zzz", "cost_budget"] }, config: { max_chain_length: 0, fail_fast: false } },
          cache: { strategies: { strategy: "aggressive_cache", zzz: "x" }, artifact: "redis" },
          persist: { strategies: { persister: "file", frequency: "every_n_turns" }, strategy_configs: { frequency: { n: 3 } } },
          hitl: { strategies: { timeout: "auto_reject" }, strategy_configs: { timeout: { timeout_seconds: 0 } } },
        },
      }),
    );
    assert.deepEqual(
      pipeline.findings.filter(({ severity }) => severity === "error").map(({ path }) => path),
      [
        "model.max_tokens",
        "stages[4].artifact",
        "stages[1].strategies.strategy",
        "stages[1].strategy_configs.compactor.zzz",
        "stages[1].strategy_configs.compactor.window_size",
        "stages[3].config.max_chain_length",
        "stages[3].chain_order.guards[1]",
        "stages[4].strategies.zzz",
        "stages[14].strategy_configs.timeout",
      ],
    );
    const by = new Map(pipeline.describe().map((stage) => [stage.name, stage]));
    const names = (stage: string) => Object.fromEntries((by.get(stage)?.strategies ?? []).map(({ slot, names }) => [slot, names]));
    assert.deepEqual(names("context").strategy, ["simple_load"]);
    assert.deepEqual(names("context").compactor, ["sliding_window"]);
    assert.deepEqual(names("guard").guards, ["iteration", "cost_budget"]);
    assert.deepEqual(by.get("guard")?.config, { max_chain_length: 32, fail_fast: false });
    assert.deepEqual(names("cache").strategy, ["aggressive_cache"]);
    assert.deepEqual(by.get("hitl")?.isActive, true);
    assert.equal(pipeline.snapshot().toJSON().model.temperature, 0.5);
  });

  test("the snapshot is what acts, and loads strictly", () => {
    const broken = given({ stages: { cache: { strategies: { strategy: "zzz" }, config: 5 }, loop: { name: "lop" } } });
    const snapshot = lenient(broken).snapshot();
    assert.deepEqual(validateManifest(snapshot), []);
    new Pipeline({ manifest: snapshot });
  });

  test("the slot's default acts in place of a strategy that lacks what it needs", () => {
    const needy = extend(context, "strategy", {
      needy: { about: "needs a key", config: fields({ key: int({ about: "a key" }) }), create: () => (messages) => messages },
    });
    const stages = { context: needy };
    const manifest = given({ stages: { context: { strategies: { strategy: "needy", compactor: "summary" } } } }) as ManifestDocument;
    assert.deepEqual(told(manifest, { stages }), ["error strategy.config_invalid stages[1].strategy_configs.strategy.key"]);
    const pipeline = new Pipeline({ manifest, stages, strict: false });
    assert.deepEqual(pipeline.findings.map(line), told(manifest, { stages }));
    const names = pipeline.describe()[1]?.strategies.map(({ slot, names }) => [slot, names[0]]);
    assert.deepEqual(Object.fromEntries(names ?? []), {
      strategy: "simple_load",
      compactor: "summary",
      retriever: "null",
      replay: "turn_window",
    });
  });

  test("of two entries of one stage the first counts", () => {
    const pipeline = lenient(appended({ order: 16, name: "loop", config: { max_turns: 4 } }));
    assert.equal(pipeline.describe()[15]?.config.max_turns, 0);
    assert.equal(pipeline.snapshot().toJSON().stages.length, 21);
  });

  test("a required stage that is not active is told, and stays so", () => {
    const pipeline = lenient(given({ stages: { parse: { active: false } } }));
    assert.deepEqual(pipeline.findings.map(line), ["error stage.required_inactive stages[8]"]);
    assert.equal(pipeline.describe()[8]?.isActive, false);
  });

  for (const [what, manifest] of [
    ["no object", []],
    ["stages that are no list", { ...base(), stages: { a: 1 } }],
  ] as const)
    test(`${what} is no manifest: it is refused all the same`, () => {
      assert.throws(() => lenient(manifest), ConfigError);
      assert.throws(() => EnvironmentManifest.fromJSON(manifest, { strict: false }), ConfigError);
    });
});

describe("the table of findings", () => {
  test("has the newest release's codes with their severities", () => {
    const { validation_codes } = load<{ readonly validation_codes: { readonly [code: string]: string } }>("later/errors.json", true) ?? {
      validation_codes: {},
    };
    const RULES = {
      error: "error",
      warning: "warning",
      active: "error if active else warning",
      any_active: "error if any active else warning",
      loaded: "warning",
    };
    const codes = FINDINGS as { readonly [code: string]: { readonly severity: keyof typeof RULES; readonly own?: true } };
    const ours = Object.keys(validation_codes).map((code) => [code, RULES[codes[code]?.severity ?? "error"]]);
    // An inactive entry never keeps a manifest from loading.
    assert.deepEqual(Object.fromEntries(ours), { ...validation_codes, "strategy.config_dropped": RULES.active });
    const added = Object.keys(codes).filter((code) => !(code in validation_codes));
    assert.deepEqual(
      added.filter((code) => !codes[code]?.own),
      [],
    );
  });

  test("has no code that nothing tells", () => {
    const root = join(import.meta.dirname, "../../src");
    const sources = globSync("**/*.ts", { cwd: root }).map((file) => readFileSync(join(root, file), "utf8"));
    // A key of the table is followed by a colon.
    const text = sources.join("\n").replaceAll(/"[\w.]+":/g, "");
    const unused = Object.keys(FINDINGS).filter((code) => !text.includes(`"${code}"`) && !code.startsWith("extras."));
    assert.deepEqual(unused, []);
  });
});
