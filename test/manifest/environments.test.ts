// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what references look like
/** A folder of environments: kept, copied, taken in and out, and never left. */
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  type Clock,
  ConfigError,
  extend,
  fields,
  type JsonObject,
  type Message,
  Pipeline,
  PipelinePresets,
  systemClock,
  validateManifest,
} from "geny-executor";
import { buildManifest, type EnvironmentChanges, EnvironmentManager, IMPORT_LIMITS } from "geny-executor/manifest";
import { context } from "geny-executor/stages";

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});
const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "geny-env-"));
  folders.push(folder);
  return folder;
};
const begin = async (clock?: Clock) => {
  const outer = await newFolder();
  const folder = join(outer, "environments");
  return { outer, folder, manager: new EnvironmentManager(folder, clock ? { clock } : {}) };
};
const manifest = (name = "one") => buildManifest("worker_adaptive", { provider: "anthropic", name });
const codes = async (run: Promise<unknown>): Promise<readonly string[]> => {
  try {
    await run;
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.findings.map((finding) => finding.code);
  }
  return [];
};

describe("EnvironmentManager", () => {
  test("keeps a manifest under its id, and again in its place", async () => {
    const { manager, folder } = await begin();
    const given = manifest();
    const id = await manager.save(given);
    assert.equal(id, given.toJSON().metadata?.id);
    assert.equal(await manager.save(await manager.load(id)), id);
    assert.deepEqual(await readdir(folder), [`${id}.json`]);
  });

  test("an id of another form is not taken: two pipelines of one name are two environments", async () => {
    const { manager } = await begin();
    const ids = [await manager.save(PipelinePresets.chat().snapshot()), await manager.save(PipelinePresets.chat().snapshot())];
    assert.equal(new Set(ids).size, 2);
    for (const id of ids) {
      assert.match(id, /^env_[0-9a-f]{8}$/);
      assert.equal((await manager.load(id)).toJSON().metadata?.id, id);
    }
  });

  test("times are those of the clock", async () => {
    let now = Date.UTC(2030, 0, 1);
    const { manager } = await begin({ ...systemClock, now: () => now });
    const { metadata, ...document } = manifest().toJSON();
    const id = await manager.save({ ...document, metadata: { ...metadata, created_at: "" } });
    now += 1000;
    await manager.update(id, { metadata: { author: "me" } });
    const [summary] = (await manager.list()).environments;
    assert.equal(summary?.createdAt, "2030-01-01T00:00:00.000000+00:00");
    assert.equal(summary?.updatedAt, "2030-01-01T00:00:01.000000+00:00");
  });

  test("update changes what it is for and refuses everything else, before anything is written", async () => {
    const { manager } = await begin();
    const id = await manager.save(manifest());
    const before = JSON.stringify(await manager.load(id));
    const wrong = { metadata: { id: "x", tags: "a" }, stages: [], model: 5 } as unknown as EnvironmentChanges;
    assert.deepEqual(await codes(manager.update(id, wrong)), ["option.invalid", "option.invalid", "option.invalid", "option.invalid"]);
    assert.equal(JSON.stringify(await manager.load(id)), before);
    await manager.update(id, { metadata: { tags: ["a"] }, model: { model: "m" }, pipeline: { max_iterations: 3 } });
    const { metadata, model, pipeline } = (await manager.load(id)).toJSON();
    assert.deepEqual([metadata?.tags, model?.model, pipeline?.max_iterations], [["a"], "m", 3]);
  });

  test("update refuses values that no setting has, and tells of keys that nobody knows", async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(manifest());
    const paths = async (changes: EnvironmentChanges) => {
      try {
        return (await manager.update(id, changes)).findings.map(({ severity, path, suggestion }) => [severity, path, suggestion]);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        return error.findings.map(({ severity, path, suggestion }) => [severity, path, suggestion]);
      }
    };
    const before = await readFile(join(folder, `${id}.json`), "utf8");
    assert.deepEqual(await paths({ model: { max_tokns: 1, max_tokens: "abc", stop_sequences: [1] }, pipeline: { max_iterations: 0 } }), [
      ["warning", "model.max_tokns", "max_tokens"],
      ["error", "model.max_tokens", undefined],
      ["error", "model.stop_sequences[0]", undefined],
      ["error", "pipeline.max_iterations", undefined],
    ]);
    assert.equal(await readFile(join(folder, `${id}.json`), "utf8"), before);
    assert.deepEqual(await paths({ model: { max_tokns: 1 } }), [["warning", "model.max_tokns", "max_tokens"]]);
    assert.equal((await manager.load(id)).toJSON().model.max_tokns, 1);
    const told = validateManifest(await manager.update(id, { model: { max_tokns: 2 } }));
    assert.deepEqual(
      told.map(({ path }) => path).filter((path) => path.startsWith("model.")),
      ["model.max_tokns"],
    );
  });

  test("a file that holds what cannot be loaded is told in the list, and can be mended piece by piece", async () => {
    const { manager, folder } = await begin();
    const { stages, ...document } = manifest().toJSON();
    const odd = stages.map((stage) => (stage.name === "context" ? { ...stage, strategies: { strategy: "hybird" } } : stage));
    const id = await manager.save({ ...document, stages: odd });
    const written = JSON.parse(await readFile(join(folder, `${id}.json`), "utf8")) as object;
    await writeFile(join(folder, `${id}.json`), JSON.stringify({ ...written, model: { max_tokens: "abc", top_p: 7 } }));
    const told = async () => (await manager.list()).findings.map(({ path }) => path);
    assert.deepEqual(await told(), [`${id}: model.max_tokens`, `${id}: model.top_p`, `${id}: stages[1].strategies.strategy`]);
    await manager.update(id, { metadata: { name: "odd" }, model: { max_tokens: 100 } });
    assert.deepEqual(await told(), [`${id}: model.top_p`, `${id}: stages[1].strategies.strategy`]);
    const hybird = { about: "All messages.", config: fields({}), create: () => (messages: readonly Message[]) => messages };
    const { findings } = await manager.list({ stages: { context: extend(context, "strategy", { hybird }) } });
    assert.deepEqual(
      findings.map(({ path }) => path),
      [`${id}: model.top_p`],
    );
  });

  test("what a call does not know, or cannot use, is refused with its path", async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(manifest());
    const wrong = <T>(value: unknown) => value as T;
    const refused = async (path: string, run: () => unknown) => {
      try {
        await run();
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        assert.deepEqual(
          error.findings.map((found) => found.path),
          [path],
        );
        return;
      }
      assert.fail(`${path} was taken`);
    };
    await refused("changes", () => manager.update(id, wrong(undefined)));
    await refused("options.nme", () => manager.clone(id, wrong({ nme: "x" })));
    await refused("options", () => manager.clone(id, wrong("frugal")));
    await refused("options.name", () => manager.clone(id, wrong({ name: 5 })));
    const text = await manager.exportJson(id);
    await refused("options", () => manager.importJson(text, wrong("name")));
    await refused("import", () => manager.importJson(wrong({ stages: [] })));
    await refused("tags[0]", () => manager.tag(id, ""));
    await refused("tags[0]", () => manager.tag(id, wrong(["a", "b"])));
    await refused("tags[1]", () => manager.untag(id, "a", wrong(5)));
    await refused("vars", () => manager.resolveAndLoad(id, wrong(null)));
    await refused("options.clok", () => new EnvironmentManager(folder, wrong({ clok: systemClock })));
    await refused("folder", () => new EnvironmentManager(new URL("http://localhost/x")));
    await refused("folder", () => new EnvironmentManager(wrong(5)));
    assert.deepEqual(await readdir(folder), [`${id}.json`]);
  });

  test("a folder may be given as a file URL", async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(manifest());
    assert.deepEqual((await new EnvironmentManager(pathToFileURL(folder)).load(id)).toJSON(), (await manager.load(id)).toJSON());
  });

  test("of many changes at once none is lost", async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(manifest());
    await Promise.all(Array.from({ length: 40 }, (_, i) => manager.tag(id, `t${i}`)));
    assert.equal((await manager.tag(id, "t0")).length, 40);
    assert.deepEqual(await manager.untag(id, ...Array.from({ length: 39 }, (_, i) => `t${i}`)), ["t39"]);
    assert.deepEqual(await readdir(folder), [`${id}.json`]);
  });

  test("a failed change does not stop the next", async () => {
    const { manager } = await begin();
    const id = await manager.save(manifest());
    const [failed, done] = await Promise.allSettled([manager.tag("env_missing", "a"), manager.tag(id, "a")]);
    assert.deepEqual([failed.status, done.status], ["rejected", "fulfilled"]);
  });

  test("a clone is another environment", async () => {
    const { manager } = await begin();
    const id = await manager.save(manifest());
    const copy = await manager.clone(id, { name: "two" });
    assert.notEqual(copy, id);
    assert.deepEqual((await manager.diff(id, copy)).pathsChanged, ["metadata.name"]);
    assert.equal(await manager.delete(id), true);
    assert.equal(await manager.delete(id), false);
    assert.equal((await manager.load(copy)).toJSON().metadata?.name, "two");
  });

  test("an environment that is not there is told with the nearest that is", async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(manifest());
    await assert.rejects(manager.load(`${id.slice(0, -1)}_`), (error: ConfigError) => {
      assert.ok(error.message.includes(`there is no environment "${id.slice(0, -1)}_" in ${folder}`), error.message);
      assert.equal(error.findings[0]?.code, "environment.not_found");
      assert.equal(error.findings[0]?.suggestion, id);
      return true;
    });
  });
});

describe("references of an environment", () => {
  const withServer = () => ({
    ...manifest().toJSON(),
    tools: { mcp_servers: [{ name: "fs", command: "${CMD}", env: { API_KEY: "${API_KEY}" } }] },
  });
  test("are resolved in memory and kept in the file, also when the resolved manifest is saved", async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(withServer());
    assert.deepEqual(await manager.requiredVariables(id), ["API_KEY", "CMD"]);
    const resolved = await manager.resolveAndLoad(id, { CMD: "npx", API_KEY: "sk-live" });
    assert.match(JSON.stringify(resolved), /sk-live/);
    assert.equal(await manager.save(resolved), id);
    const text = await readFile(join(folder, `${id}.json`), "utf8");
    assert.doesNotMatch(text, /sk-live|npx/);
    assert.match(text, /\$\{API_KEY\}/);
  });
});

describe("export and import", () => {
  test("an exported text has no secret, and what is imported asks for them", async () => {
    const { manager } = await begin();
    const server = {
      name: "fs",
      command: "npx",
      args: ["--token", "sk-2"],
      env: { API_KEY: "sk-1" },
      headers: { Authorization: "Bearer sk-3" },
    };
    const id = await manager.save({ ...manifest().toJSON(), tools: { mcp_servers: [server] } });
    const text = await manager.exportJson(id);
    assert.doesNotMatch(text, /sk-/);
    const copy = await manager.importJson(text, { name: "copy" });
    assert.notEqual(copy, id);
    assert.deepEqual(await manager.requiredVariables(copy), ["API_KEY", "AUTHORIZATION", "TOKEN"]);
    const values = { API_KEY: "sk-1", AUTHORIZATION: "Bearer sk-3", TOKEN: "sk-2" };
    const tools = (m: { toJSON(): { tools?: JsonObject } }) => m.toJSON().tools;
    assert.deepEqual(tools(await manager.resolveAndLoad(copy, values)), tools(await manager.load(id)));
  });

  const importing = async (document: object | string) => {
    const { manager } = await begin();
    const found = await codes(manager.importJson(typeof document === "string" ? document : JSON.stringify(document)));
    assert.equal((await manager.list()).environments.length, found.length ? 0 : 1);
    return found;
  };
  test("an import is bounded in size, depth and number", async () => {
    assert.deepEqual(await importing(" ".repeat(IMPORT_LIMITS.bytes + 1)), ["import.too_large"]);
    assert.deepEqual(await importing(`{"a":${"[".repeat(5_000_000)}`), ["import.too_deep"]);
    assert.deepEqual(await importing({ ...manifest().toJSON(), note: "[{".repeat(100) }), []);
    assert.deepEqual(await importing({ stages: Array(33).fill({ order: 1, name: "input" }) }), ["import.too_many"]);
    assert.deepEqual(await importing({ tools: { adhoc: Array(101).fill({ name: "a" }), mcp_servers: Array(21).fill({ name: "s" }) } }), [
      "import.too_many",
      "import.too_many",
    ]);
    const script = { name: "a", script_config: { code: "x".repeat(10_001) } };
    assert.deepEqual(await importing({ tools: { adhoc: [script] } }), ["import.script_too_long"]);
  });

  test("a server that would run a destructive program is refused, however it is written", async () => {
    const server = (given: object) => importing({ ...manifest().toJSON(), tools: { mcp_servers: [{ name: "s", ...given }] } });
    const refused = [
      { command: "rm" },
      { command: "/bin/rm", transport: "stdio" },
      { command: "rm -rf /" },
      { command: "RM" },
      { command: "C:\\Windows\\format.com" },
      { command: "sudo", args: ["-n", "/sbin/mkfs.ext4", "/dev/sda"] },
      { command: "bash", args: ["-c", "echo x && rm -rf ~"] },
      { command: "env", args: ["A=1", "shutdown", "now"] },
      { command: "busybox", args: ["rm", "-rf", "/"] },
      { command: "timeout 1 rm" },
      { command: "/usr/bin/nice", args: ["-n", "5", "rm"] },
      { command: "rm", transport: "STDIO" },
      { command: "rm", transport: "anything" },
    ];
    for (const given of refused) assert.deepEqual(await server(given), ["import.dangerous_command"], JSON.stringify(given));
    for (const given of [
      { command: "npx", args: ["rm"] },
      { command: "/usr/bin/python rm/" },
      { command: "rm", transport: "sse" },
      { command: "rm", transport: "HTTP" },
      { command: "" },
    ])
      assert.deepEqual(await server(given), [], JSON.stringify(given));
  });

  test("the manifests of sub-agents are held to the same, at any depth", async () => {
    const inner = { ...manifest().toJSON(), tools: { mcp_servers: [{ name: "s", command: "rm" }] } };
    const outer = { ...manifest().toJSON(), subagents: [{ agent_type: "inner", manifest: inner }] };
    const { manager } = await begin();
    const text = JSON.stringify({ ...manifest().toJSON(), subagents: [{ agent_type: "a" }, { agent_type: "outer", manifest: outer }] });
    await assert.rejects(
      manager.importJson(text),
      (error) =>
        error instanceof ConfigError &&
        error.findings[0]?.code === "import.dangerous_command" &&
        error.findings[0].path === "subagents[1].manifest.subagents[0].manifest.tools.mcp_servers[0].command",
    );
    assert.deepEqual(await importing({ subagents: [5, { agent_type: "a", manifest: { stages: Array(33).fill({}) } }] }), [
      "import.too_many",
    ]);
  });

  test("what is no manifest is refused and quotes nothing of its text", async () => {
    assert.deepEqual(await importing("sk-secret {"), ["json.invalid"]);
    assert.deepEqual(await importing("[]"), ["form.invalid"]);
    assert.notDeepEqual(await importing('{"metadata":null}'), []);
    const { manager } = await begin();
    await assert.rejects(manager.importJson("sk-secret {"), (error: Error) => !error.message.includes("sk-secret"));
  });

  test("keys with a meaning of their own in JavaScript change nothing of ours", async () => {
    const { manager } = await begin();
    const document = JSON.stringify(manifest()).replace(/^\{/, '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},');
    await manager.importJson(document).catch((error: unknown) => assert.ok(error instanceof ConfigError));
    assert.equal(Reflect.get({}, "polluted"), undefined);
  });
});

describe("the folder's bounds", () => {
  const BAD = [
    "",
    ".",
    "..",
    "../one",
    "a/b",
    "a\\b",
    "/etc/passwd",
    "C:\\x",
    "env_1\0",
    "env_1.json",
    "..%2fone",
    "é",
    "a".repeat(129),
    "-x",
  ];
  test("an id that could be a path is refused by every call", async () => {
    const { manager, outer } = await begin();
    await writeFile(join(outer, "one.json"), JSON.stringify(manifest()));
    const id = await manager.save(manifest());
    for (const bad of [...BAD, null as unknown as string, 5 as unknown as string]) {
      const calls = [
        manager.load(bad),
        manager.get(bad),
        manager.update(bad, {}),
        manager.delete(bad),
        manager.clone(bad),
        manager.tag(bad, "t"),
        manager.untag(bad, "t"),
        manager.exportJson(bad),
        manager.diff(id, bad),
        manager.requiredVariables(bad),
        manager.resolveAndLoad(bad),
      ];
      for (const call of calls) assert.deepEqual(await codes(call), ["environment.invalid_id"], JSON.stringify(bad));
    }
    assert.deepEqual((await readdir(outer)).sort(), ["environments", "one.json"]);
  });

  test("an id in a manifest is no path either", async () => {
    const { manager, folder, outer } = await begin();
    for (const bad of BAD) {
      const { metadata, ...document } = manifest().toJSON();
      assert.match(await manager.save({ ...document, metadata: { ...metadata, id: bad } }), /^env_[0-9a-f]{8}$/);
    }
    assert.equal((await readdir(folder)).length, BAD.length);
    assert.deepEqual(await readdir(outer), ["environments"]);
  });

  test("a link is not read, not written through, and told in the list", async () => {
    const { manager, folder, outer } = await begin();
    const secret = join(outer, "outside.json");
    await mkdir(folder);
    await writeFile(secret, JSON.stringify(manifest("outside")));
    await symlink(secret, join(folder, "env_0000000a.json"));
    await symlink(join(outer, "nothing.json"), join(folder, "env_0000000b.json"));
    await mkdir(join(folder, "env_0000000c.json"));
    for (const id of ["env_0000000a", "env_0000000b", "env_0000000c"]) {
      assert.deepEqual(await codes(manager.load(id)), ["environment.not_a_file"]);
      assert.deepEqual(await codes(manager.tag(id, "x")), ["environment.not_a_file"]);
      const { metadata, ...document } = manifest().toJSON();
      assert.deepEqual(await codes(manager.save({ ...document, metadata: { ...metadata, id } })), ["environment.not_a_file"]);
      assert.deepEqual(await codes(manager.delete(id)), ["environment.not_a_file"]);
    }
    const { environments, findings } = await manager.list();
    assert.deepEqual(environments, []);
    assert.deepEqual([...new Set(findings.map((f) => f.code))], ["environment.not_a_file"]);
    assert.equal((JSON.parse(await readFile(secret, "utf8")) as { metadata: JsonObject }).metadata.name, "outside");
    assert.deepEqual((await readdir(outer)).sort(), ["environments", "outside.json"]);
  });

  test("odd files break nothing: what can be read is listed, and each is told", async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(manifest());
    await writeFile(join(folder, "env_list.json"), "[]");
    await writeFile(join(folder, "env_broken.json"), "{");
    await writeFile(join(folder, "env_deep.json"), "[".repeat(100_000));
    await writeFile(join(folder, "env_model.json"), '{"model":null,"metadata":{"name":"m","tags":7},"stages":[1]}');
    await writeFile(join(folder, "env_a b.json"), "{}");
    await writeFile(join(folder, "notes.json"), "{");
    const { environments, findings } = await manager.list();
    assert.deepEqual(
      environments.map((e) => [e.id, e.name, e.tags]).sort(),
      [
        [id, "one", []],
        ["env_model", "m", []],
      ].sort(),
    );
    const told = new Set(findings.map((f) => f.path.split(":")[0]));
    assert.deepEqual([...told].sort(), ["env_a b", "env_broken", "env_deep", "env_list", "env_model"]);
  });

  test("a folder that is not there is an empty one", async () => {
    const { manager } = await begin();
    assert.deepEqual(await manager.list(), { environments: [], findings: [] });
    assert.equal(await manager.delete("env_00000000"), false);
  });

  test("a folder that cannot be written to leaves the old file", { skip: process.getuid?.() === 0 }, async () => {
    const { manager, folder } = await begin();
    const id = await manager.save(manifest());
    const before = await readFile(join(folder, `${id}.json`), "utf8");
    await chmod(folder, 0o500);
    await assert.rejects(manager.tag(id, "x"));
    await chmod(folder, 0o700);
    assert.equal(await readFile(join(folder, `${id}.json`), "utf8"), before);
  });
});

test("what is kept makes the pipeline that was saved", async () => {
  const { manager } = await begin();
  await using pipeline = PipelinePresets.agent({ apiKey: "k" });
  const id = await manager.save(pipeline.snapshot());
  await using same = await Pipeline.fromManifest(await manager.load(id), { apiKey: "k" });
  assert.deepEqual(same.describe(), pipeline.describe());
});
