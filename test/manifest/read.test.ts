/** Documents of every version and of every kind of harm: read, migrated, kept whole, or refused with a path. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  ConfigError,
  EnvironmentManifest,
  type Finding,
  type JsonObject,
  type ManifestDocument,
  Pipeline,
  PipelinePresets,
} from "geny-executor";
import { migrateManifest } from "geny-executor/manifest";

const folder = join(import.meta.dirname, "../golden/manifests");
const golden = (name: string): ManifestDocument => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
const minimal = (): ManifestDocument => PipelinePresets.minimal({ apiKey: "k" }).snapshot().toJSON();

const refused = (given: unknown): readonly Finding[] => {
  try {
    EnvironmentManifest.fromJSON(given);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.findings.filter((f) => f.severity === "error");
  }
  return assert.fail("it was taken");
};
const codesOf = (given: unknown) => refused(given).map((f) => `${f.code} ${f.path}`);
const told = (findings: readonly Finding[]) => findings.map((f) => `${f.code} ${f.path}${f.suggestion ? ` ${f.suggestion}` : ""}`);
/** Frozen all the way down: writing into it throws. */
const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
};

describe("versions", () => {
  test("a manifest that says no version is one of version 1.0", () => {
    const { version: _, ...rest } = golden("v1-no-version");
    const { document, steps } = migrateManifest(rest);
    assert.equal(document.version, "3.0");
    assert.deepEqual(told(steps), ["version.migrated version", "stage.added stages"]);
    assert.deepEqual(migrateManifest({ ...rest, version: null }).document, document);
  });

  test("a version that was written as a number is that version", () => {
    for (const [version, read] of [
      [1, "3.0"],
      [2, "3.0"],
      [3, "3.0"],
      [4, "4.0"],
    ])
      assert.equal(EnvironmentManifest.fromJSON({ ...golden("v2-partial"), version }).toJSON().version, read);
  });

  test("an unknown version is a finding; the manifest is read, and keeps it", () => {
    const manifest = EnvironmentManifest.fromJSON({ ...minimal(), version: "4.0" });
    assert.deepEqual(told(manifest.findings), ["version.unknown version"]);
    assert.equal(manifest.toJSON().version, "4.0");
  });

  test("migrating leaves its input alone", () => {
    for (const name of ["v1-legacy16-mock-provider", "v2-legacy16-numbering", "v2-partial", "empty-object"]) {
      const given = golden(name);
      const before = JSON.stringify(given);
      migrateManifest(frozen(given));
      assert.equal(JSON.stringify(given), before);
    }
  });

  test("settings of a file with 16 stages go with the stage's name", () => {
    const given = golden("v2-legacy16-numbering");
    const stages = given.stages.map((s) => (s.name === "loop" ? { ...s, config: { max_turns: 7 } } : s));
    const { document, steps } = migrateManifest({ ...given, stages });
    const pipeline = new Pipeline({ manifest: document });
    const loop = pipeline.describe().find((s) => s.name === "loop");
    assert.equal(loop?.config.max_turns, 7);
    assert.deepEqual(
      document.stages.map((s) => [s.order, s.name]),
      pipeline.describe().map((s) => [s.order, s.name]),
    );
    assert.ok(told(steps).includes("stage.renumbered stages[12].order"));
  });

  test("the provider mock of old blank files becomes anthropic, in every version; another provider in that slot does not", () => {
    const old = (version: string, provider: string) => ({
      ...golden("v1-legacy16-mock-provider"),
      version,
      stages: golden("v1-legacy16-mock-provider").stages.map((s) => (s.name === "api" ? { ...s, strategies: { provider } } : s)),
    });
    for (const version of ["1.0", "2.0", "3.0"]) {
      const { document, steps } = migrateManifest(old(version, "mock"));
      const api = document.stages.find((s) => s.name === "api");
      assert.deepEqual(api?.strategies, {});
      assert.equal(api?.config?.provider, "anthropic");
      assert.ok(told(steps).includes("provider.legacy_mock stages[5].strategies.provider"));
    }
    assert.throws(() => new Pipeline({ manifest: migrateManifest(old("1.0", "openai")).document }), /stages\[5\]\.strategies\.provider/);
  });

  test("a stage by its number or module is that stage, with a warning; the file keeps the name", () => {
    const pipeline = new Pipeline({ manifest: golden("order-name-mismatch-v3") });
    assert.ok(pipeline.describe().every((s) => s.isActive));
    const names = told(pipeline.findings).filter((line) => line.startsWith("stage.old_name"));
    assert.deepEqual(names, ["stage.old_name stages[1].name context", "stage.old_name stages[11].name agent"]);
    assert.equal(pipeline.snapshot().toJSON().stages[1]?.name, "2");
  });
});

/** The document with `zzz` in every object, and a misspelt key in each block. */
const everywhere = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(everywhere)
    : typeof value === "object" && value !== null
      ? { ...Object.fromEntries(Object.entries(value).map(([k, v]) => [k, everywhere(v)])), zzz: { a: [1, null] } }
      : value;
const later = {
  ...minimal(),
  tools: {
    ...minimal().tools,
    external: ["plain", { name: "must", required: true }],
    mcp_servers: [{ name: "fs", command: "npx", call_timeout_s: 0 }],
    core_overrides: { Read: true, "mcp__*": false },
  },
  host_selections: { hooks: ["*"], skills: [], permissions: ["*"], extras: { a: ["*"] } },
  subagents: [
    { agent_type: "x", description: "d", provider: "anthropic", model_override: { model: "m" }, allowed_tools: ["Read"], env_id: "env_1" },
  ],
  memory: { provider: "file", config: { root: "./m" } },
};

describe("what is kept", () => {
  test("the newest release's fields load without a finding and stay as they are", () => {
    const manifest = EnvironmentManifest.fromJSON(later);
    assert.deepEqual(manifest.findings, []);
    assert.deepEqual(manifest.toJSON(), later);
  });

  test("unknown keys survive at every level, those of version 1.0 too, each with a warning where the form is known", () => {
    const stages = later.stages.map((s, i) =>
      i === 0
        ? { ...s, tool_binding: { stage_order: 1, allowed: null, blocked: null, extra_context: {} }, model_override: { model: "m" } }
        : s,
    );
    // Maps of names are no place for a key of a value's own kind.
    const given = JSON.parse(
      JSON.stringify(everywhere({ ...later, stages })).replaceAll(
        /"(strategies|strategy_configs|chain_order|core_overrides|env)":\{"zzz":\{[^}]*\}\}/g,
        '"$1":{}',
      ),
      (key, value) => (["strategies", "chain_order", "core_overrides", "env"].includes(key) ? without(value) : value),
    );
    const manifest = EnvironmentManifest.fromJSON(given);
    assert.deepEqual(manifest.toJSON(), given);
    const told = new Set(manifest.findings.map((f) => f.path));
    for (const path of [
      "zzz",
      "metadata.zzz",
      "stages[0].zzz",
      "stages[0].tool_binding.zzz",
      "stages[0].model_override.zzz",
      "tools.zzz",
      "tools.mcp_servers[0].zzz",
      "tools.external[1].zzz",
      "host_selections.zzz",
      "subagents[0].zzz",
      "memory.zzz",
    ])
      assert.ok(told.has(path), path);
    const old = EnvironmentManifest.fromJSON({ ...given, version: "1.0" }).toJSON();
    assert.deepEqual(old.zzz, given.zzz);
    assert.deepEqual(Reflect.get(old.stages[0] ?? {}, "zzz"), given.zzz);
  });

  test("a warning for an unknown key names the nearest one", () => {
    const { findings } = EnvironmentManifest.fromJSON({
      ...later,
      metadata: { nmae: "a" },
      host_selection: {},
      tools: { mcp_server: [], external: [{ name: "a", requierd: true }] },
    });
    assert.deepEqual(told(findings), [
      "manifest.unknown_key host_selection host_selections",
      "manifest.unknown_key metadata.nmae name",
      "manifest.unknown_key tools.mcp_server mcp_servers",
      "manifest.unknown_key tools.external[0].requierd required",
    ]);
  });

  test("keys are written in the order of the form, unknown ones after them as they came", () => {
    const turned = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(turned)
        : typeof value === "object" && value !== null
          ? Object.fromEntries([...Object.entries(value).map(([k, v]) => [k, turned(v)] as const)].reverse())
          : value;
    const { stages, ...rest } = turned({ ...later, b: 1, a: 2, $schema: "s" }) as ManifestDocument;
    const written = EnvironmentManifest.fromJSON({ ...rest, stages }).toJSON();
    assert.deepEqual(Object.keys(written), [
      ...["$schema", "version", "metadata", "model", "pipeline", "stages", "tools", "host_selections", "subagents", "memory", "a", "b"],
    ]);
    assert.deepEqual(Object.keys(written.stages[0] ?? {}), [
      ...[
        "order",
        "name",
        "active",
        "artifact",
        "strategies",
        "strategy_configs",
        "config",
        "tool_binding",
        "model_override",
        "chain_order",
      ],
    ]);
    assert.deepEqual(Object.keys(written.tools), ["built_in", "adhoc", "mcp_servers", "external", "scope", "core_overrides"]);
    assert.deepEqual(Object.keys(written.metadata), [
      ...["id", "name", "description", "author", "tags", "created_at", "updated_at", "base_preset"],
    ]);
  });

  test("a manifest that was read and written is the same, to the byte, however often", () => {
    for (const file of readdirSync(folder).filter((name) => name !== "expected.json")) {
      const once = JSON.stringify(EnvironmentManifest.fromJSON(JSON.parse(readFileSync(join(folder, file), "utf8")), { strict: false }));
      assert.equal(JSON.stringify(EnvironmentManifest.fromJSON(JSON.parse(once))), once, file);
    }
  });
});
const without = (value: JsonObject): JsonObject => {
  const { zzz: _, ...rest } = value;
  return rest;
};

describe("what is refused", () => {
  const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);
  const circle: { [key: string]: unknown } = {};
  circle.metadata = { name: "a", circle };
  const angry = {
    get metadata(): never {
      throw new Error("no");
    },
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const cases: { readonly [what: string]: readonly [unknown, readonly string[]] } = {
    "no object": [null, ["form.invalid "]],
    "a list": [[], ["form.invalid "]],
    "a cycle": [circle, ["form.cycle metadata.circle"]],
    "a getter that throws": [angry, ["form.invalid "]],
    "a revoked proxy": [{ metadata: revoked.proxy }, ["form.invalid metadata"]],
    "a function and a bigint": [{ metadata: { name: () => 1, id: 1n } }, ["form.invalid metadata.name", "form.invalid metadata.id"]],
    "an infinite number": [JSON.parse('{"model": {"max_tokens": 1e999}}'), ["form.invalid model.max_tokens"]],
    "a key that reaches a prototype": [
      JSON.parse('{"metadata": {"__proto__": {"polluted": 1}}, "stages": [{"name": "api", "config": {"__proto__": 1}}]}'),
      ["form.forbidden_key metadata.__proto__", "form.forbidden_key stages[0].config.__proto__"],
    ],
    "a value that is too deep": [{ zzz: nested(100_000) }, [`form.too_deep zzz${"[0]".repeat(63)}`]],
    "a list without end": [{ ...minimal(), stages: new Array(2 ** 32 - 1) }, ["form.too_large stages"]],
    "too many stages": [{ ...minimal(), stages: new Array(200_000).fill({}) }, ["form.too_large stages"]],
    "blocks of other kinds": [
      { version: [], metadata: 1, model: [], pipeline: "x", stages: {}, tools: null, host_selections: 3, subagents: {}, memory: [] },
      [
        ...["metadata", "model", "pipeline", "stages", "tools", "host_selections", "subagents", "memory", "version"].map(
          (key) => `form.invalid ${key}`,
        ),
      ],
    ],
    "entries of other kinds": [
      {
        ...minimal(),
        stages: [
          null,
          7,
          { order: "x", name: 3, active: "no", artifact: null, strategies: { a: 1 }, strategy_configs: { b: null } },
          { name: "tool", config: [], tool_binding: { allowed: "Read" }, model_override: { max_tokens: "x" }, chain_order: { c: [1] } },
        ],
      },
      [
        "form.invalid stages[0]",
        "form.invalid stages[1]",
        ...["order", "name", "active", "artifact", "strategies.a", "strategy_configs.b"].map((key) => `form.invalid stages[2].${key}`),
        ...["config", "chain_order.c[0]", "tool_binding.stage_order", "tool_binding.allowed"].map((key) => `form.invalid stages[3].${key}`),
        "config.invalid stages[3].model_override.max_tokens",
      ],
    ],
    "tools of other kinds": [
      {
        ...minimal(),
        tools: { built_in: "*", mcp_servers: [1, { name: "a", args: null }], external: [{}, 1], core_overrides: { a: "yes" } },
      },
      [
        ...["built_in", "mcp_servers[0]", "core_overrides.a", "mcp_servers[1].args", "external[0].name", "external[1]"].map(
          (key) => `form.invalid tools.${key}`,
        ),
      ],
    ],
  };
  for (const [what, [given, found]] of Object.entries(cases)) test(what, () => assert.deepEqual(codesOf(given), found));

  test("an inactive entry's override is a warning", () => {
    const stages = minimal().stages.map((s) => (s.name === "context" ? { ...s, active: false, model_override: { max_tokens: -1 } } : s));
    const { findings } = EnvironmentManifest.fromJSON({ ...minimal(), stages });
    assert.deepEqual(told(findings), ["config.invalid stages[1].model_override.max_tokens"]);
  });

  test("read leniently, what is of wrong form is left out and told; what is around it stays", () => {
    const manifest = EnvironmentManifest.fromJSON(
      { ...minimal(), stages: [...minimal().stages, { name: "zzz", strategies: [] }] },
      { strict: false },
    );
    assert.deepEqual(told(manifest.findings), ["form.invalid stages[21].strategies"]);
    assert.deepEqual(manifest.toJSON().stages, [...minimal().stages, { name: "zzz" }]);
  });

  test("whatever it is given, it loads or tells a path, at once, and no prototype changes", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
    });
    const key = fc.oneof(fc.constantFrom("__proto__", "constructor", "prototype", "toString", "zzz"), fc.string());
    const paths = [
      "metadata",
      "model",
      "pipeline",
      "stages",
      "tools",
      "host_selections",
      "subagents",
      "memory",
      "version",
      "stages.5.config",
    ];
    const before = Object.getOwnPropertyNames(Object.prototype).sort();
    const base = JSON.stringify(later);
    fc.assert(
      fc.property(fc.constantFrom(...paths), key, anything, (path, name, value) => {
        const document = JSON.parse(base);
        const steps = path.split(".");
        const last = steps.pop() ?? "";
        const at = steps.reduce((inside, step) => inside[step], document);
        at[last] = name === "zzz" ? value : Object.fromEntries([[name, value]]);
        try {
          const manifest = EnvironmentManifest.fromJSON(document);
          const again = EnvironmentManifest.fromJSON(manifest.toJSON());
          assert.deepEqual(again.toJSON(), manifest.toJSON());
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          assert.ok(error.findings.some((f) => f.severity === "error" && f.path !== ""));
        }
      }),
      { numRuns: 3000 },
    );
    assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), before);
  });
});
