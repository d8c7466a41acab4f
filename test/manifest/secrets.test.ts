// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is what references look like
/** References and secrets: what is put in, what is taken out, and that one undoes the other. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConfigError, defineManifest, type Json, type JsonObject, Pipeline } from "geny-executor";
import {
  EnvironmentResolver,
  EnvironmentSanitizer,
  type HostOffers,
  hostSelectionsOf,
  isSecretName,
  resolveSelection,
  resolveVariables,
  sanitizeSecrets,
  variablesOf,
} from "geny-executor/manifest";

const keys = fc.constantFrom(
  "api_key",
  "API-KEY",
  "token",
  "Authorization",
  "dbPassword",
  "env",
  "url",
  "name",
  "max_tokens",
  "9secret",
  "é-token",
  "auth",
  "GITHUB_PAT",
);
const document = fc
  .letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.constantFrom("", "plain", "${SET}", "Bearer ${SET}", "x-${SET}-y", "--token", "--token=abc", "https://u:p@h/?api_key=k&x=1"),
      fc.constantFrom("Authorization: Bearer k", "X-Auth: ${SET} k", "API_KEY=k", "--header=X-Api-Key: k", "X-A: Token k", "h?key=k", "-H"),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(keys, tie("node"), { maxKeys: 4 }),
    ),
  }))
  .node.map((value) => JSON.parse(JSON.stringify(value)) as Json);
/** Calls `see` with every pair of values in the same place. */
const together = (a: Json, b: Json, see: (a: Json, b: Json) => void): void => {
  see(a, b);
  if (typeof a !== "object" || a === null) return;
  for (const key of Object.keys(a)) together((a as JsonObject)[key] ?? null, (b as JsonObject)[key] ?? null, see);
};

describe("resolveVariables", () => {
  test("what was given wins over the environment, and the environment over nothing", () => {
    assert.equal(resolveVariables("${A}-${B}-${C}", { A: "given" }, { A: "env", B: "env" }), "given-env-${C}");
    process.env.GENY_TEST_VALUE = "from the process";
    assert.deepEqual(EnvironmentResolver.resolve({ a: ["${GENY_TEST_VALUE}"] }), { a: ["from the process"] });
    delete process.env.GENY_TEST_VALUE;
  });
  test("a value that is put in is not read for references, nor for replacement patterns", () => {
    assert.equal(resolveVariables("${A}", { A: "${B}$&$1", B: "no" }, {}), "${B}$&$1");
  });
  test("names of every object are no variables", () => {
    assert.equal(resolveVariables("${__PROTO__}${CONSTRUCTOR}", {}, {}), "${__PROTO__}${CONSTRUCTOR}");
    assert.equal(Object.getPrototypeOf(resolveVariables(JSON.parse('{"__proto__":{"a":"${A}"}}'), { A: "x" }, {})), Object.prototype);
  });
  test("leaves the input alone, keys too, and leaves no name that has a value", () => {
    fc.assert(
      fc.property(document, (value) => {
        const before = JSON.stringify(value);
        const out = resolveVariables(value, { SET: "value" }, {});
        assert.equal(JSON.stringify(value), before);
        assert.equal(variablesOf(out).includes("SET"), false);
        together(value, out, (a, b) => assert.equal(typeof a, typeof b));
        if (variablesOf(value).length === 0) assert.deepEqual(out, value);
      }),
    );
  });
});

describe("sanitizeSecrets", () => {
  test("knows a secret by the words of its name", () => {
    const yes = [
      "api_key",
      "API-KEY",
      "apikey",
      "apiKey",
      "x_api_key_y",
      "authorization",
      "X-Auth-Token",
      "dbPassword",
      "client_secret",
      "privateKey",
      "X-Auth",
      "auth",
      "basicAuth",
      "GITHUB_PAT",
      "githubPAT",
      "pwd",
      "DB_PWD",
    ];
    const no = ["max_tokenizer", "tokenizer", "secretary", "key", "keyboard", "author", "passenger", "monkey", "auth_mode"];
    const nearly = ["pattern", "path", "PATH", "authority", "patch", "compat", "oauth"];
    assert.deepEqual(
      yes.filter((name) => !isSecretName(name)),
      [],
    );
    assert.deepEqual(no.filter(isSecretName), []);
    assert.deepEqual(
      nearly.filter((name) => isSecretName(name)),
      [],
    );
  });
  test("numbers of tokens stay numbers", () => {
    const given = { model: { max_tokens: 8192, thinking_budget_tokens: 9 }, guards: { token_budget: { min_remaining_tokens: 10_000 } } };
    assert.deepEqual(EnvironmentSanitizer.sanitize(given), given);
  });
  test("names of properties and stages are no names of secrets", () => {
    const given = {
      input_schema: { properties: { password: { type: "string", description: "of the user" } } },
      artifacts: { token: "default" },
    };
    assert.deepEqual(sanitizeSecrets(given), given);
  });
  test("finds flags, parameters of addresses and passwords in them", () => {
    assert.deepEqual(sanitizeSecrets({ args: ["-y", "pkg", "--api-key", "k1", "--token=k2", "--verbose", "x"] }), {
      args: ["-y", "pkg", "--api-key", "${API_KEY}", "--token=${TOKEN}", "--verbose", "x"],
    });
    assert.deepEqual(sanitizeSecrets({ url: "https://me:hunter2@host/sse?page=1&access_token=k#a" }), {
      url: "https://me:${URL_PASSWORD}@host/sse?page=1&access_token=${ACCESS_TOKEN}#a",
    });
  });
  test("finds headers and variables that stand in one text", () => {
    const args = ["--header", "Authorization: Bearer sk-1", "--header=X-Api-Key: sk-2", "-HX-Auth:sk-3", "-e", "GITHUB_TOKEN=sk-4"];
    const more = ["Cookie: a=sk-5; b=sk-6", "X-Other: Basic c2stNw==", "PRIVATE_KEY=-----BEGIN\nsk-8", "https://host/mcp?key=sk-9&x=1"];
    const out = sanitizeSecrets({ args: [...args, ...more] });
    assert.deepEqual(out, {
      args: [
        ...["--header", "Authorization: Bearer ${AUTHORIZATION}", "--header=X-Api-Key: ${X_API_KEY}", "-HX-Auth:${X_AUTH}", "-e"],
        ...["GITHUB_TOKEN=${GITHUB_TOKEN}", "Cookie: ${COOKIE}", "X-Other: Basic ${X_OTHER}", "PRIVATE_KEY=${PRIVATE_KEY}"],
        "https://host/mcp?key=${KEY}&x=1",
      ],
    });
    assert.doesNotMatch(
      JSON.stringify(sanitizeSecrets({ auth: "Basic c2s=", env: { GITHUB_PAT: "sk", pwd: "sk" }, headers: { "X-Auth": "sk" } })),
      /sk|c2s/,
    );
  });
  test("what only looks like a secret stays", () => {
    const given = {
      args: [
        "--header",
        "Accept: text/html",
        "A=1",
        "Authorization: ${AUTH}",
        "API_KEY=${API_KEY}",
        "--key=value",
        "http://h/?page=1",
        "-c",
        "a: b",
      ],
      prompt: "Token: a word of ours.\nSay what it means.",
      line: "Secrets: never tell one",
      note: "Level: Basic usage of it",
      auth: { type: "oauth", pattern: "x" },
      max_tokens: 5,
    };
    assert.deepEqual(sanitizeSecrets(given), given);
  });
  test("everything below a secret's name is one, and two secrets never share a reference", () => {
    assert.deepEqual(sanitizeSecrets({ api_keys: { a: "1", b: ["2", "3"] }, x: { token: "4" }, y: { token: "5" }, z: { token: "4" } }), {
      api_keys: { a: "${API_KEYS_A}", b: ["${API_KEYS_B_0}", "${API_KEYS_B_1}"] },
      x: { token: "${TOKEN}" },
      y: { token: "${TOKEN_2}" },
      z: { token: "${TOKEN}" },
    });
  });
  test("a name that a reference has already is not given to a secret", () => {
    assert.deepEqual(sanitizeSecrets({ a: { token: "${TOKEN}" }, b: { token: "sk-1" } }), {
      a: { token: "${TOKEN}" },
      b: { token: "${TOKEN_2}" },
    });
  });
  test("changes texts only, is done after one time, and can be undone with what it took", () => {
    fc.assert(
      fc.property(document, (value) => {
        const out = sanitizeSecrets(value);
        assert.deepEqual(sanitizeSecrets(out), out);
        const taken: Record<string, string> = { SET: "${SET}" };
        together(value, out, (a, b) => {
          if (typeof a !== "string" || typeof b !== "string") return assert.deepEqual(typeof a, typeof b);
          // What stands around the references is the same on both sides, so that what they stand for can be read off.
          const form = b.split(/\$\{[A-Z_][A-Z0-9_]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
          const [, ...found] = new RegExp(`^${form.join("(.*?)")}$`, "s").exec(a) ?? [];
          assert.equal(found.length, form.length - 1);
          for (const [i, [, name = ""]] of [...b.matchAll(/\$\{([A-Z_][A-Z0-9_]*)\}/g)].entries()) {
            const before = taken[name];
            if (before !== undefined) assert.equal(found[i], before);
            taken[name] = found[i] ?? "";
          }
        });
        assert.deepEqual(resolveVariables(out, taken, {}), value);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("host selections", () => {
  test("what is left out is everything; a wrong form is refused with its path", () => {
    assert.deepEqual(hostSelectionsOf({ skills: [] }), { hooks: ["*"], skills: [], permissions: ["*"] });
    assert.throws(
      () => hostSelectionsOf({ hooks: [1] }),
      (error: unknown) => error instanceof ConfigError && error.findings[0]?.path === "host_selections.hooks",
    );
  });
  test("only a star by itself is everything", () => {
    assert.deepEqual(resolveSelection(["*"], ["b", "a"]), ["b", "a"]);
    assert.deepEqual(resolveSelection(["a", "*"], ["b", "a"]), ["a"]);
  });
  test("a pipeline has what its manifest picks of the host's offers, and says what it could not pick", async () => {
    const manifest = {
      ...defineManifest({ name: "m" }),
      host_selections: { hooks: ["audit", "adit"], skills: [], permissions: ["strict"] },
    };
    const made = async (offers?: HostOffers) => {
      await using pipeline = await Pipeline.fromManifest(manifest, { apiKey: "k", ...(offers ? { offers } : {}) });
      const findings = pipeline.findings.map(({ severity, code, path, suggestion }) => [severity, code, path, suggestion].join(" ").trim());
      return { selected: pipeline.selected, findings };
    };
    const needs = (kind: string) => `warning selection.needs_host host_selections.${kind}`;
    assert.deepEqual(await made(), { selected: {}, findings: [needs("hooks"), needs("skills"), needs("permissions")] });
    assert.deepEqual(await made({ hooks: ["log", "audit"], skills: ["pdf"] }), {
      selected: { hooks: ["audit"], skills: [] },
      findings: ["warning selection.unknown host_selections.hooks[1] audit", needs("permissions")],
    });
    await using all = await Pipeline.fromManifest(defineManifest({ name: "m" }), { apiKey: "k", offers: { permissions: ["a", "b"] } });
    assert.deepEqual([all.selected, all.findings], [{ permissions: ["a", "b"] }, []]);
  });
});
