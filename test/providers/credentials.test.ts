/** Keys are given to providers and shown nowhere. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { ConfigError } from "geny-executor";
import { CredentialBundle } from "geny-executor/providers";

const bundle = new CredentialBundle({
  anthropic: {
    apiKey: "sk-SECRET",
    baseUrl: "https://u:SECRET@gate.test/x",
    defaultHeaders: { "x-tenant": "SECRET" },
    extras: { token: "SECRET", depth: 2 },
  },
  none: undefined,
});

test("a bundle gives its credentials by name", () => {
  assert.equal(bundle.get("anthropic")?.apiKey, "sk-SECRET");
  assert.equal({ ...bundle.get("anthropic") }.apiKey, "sk-SECRET");
  assert.equal(bundle.get("none"), undefined);
  assert.equal(bundle.get("toString"), undefined);
  assert.deepEqual(bundle.names(), ["anthropic"]);
});

test("no textual form of a bundle or of one entry shows a secret", () => {
  const entry = bundle.get("anthropic");
  const forms = [bundle, entry].flatMap((it) => [
    String(it),
    JSON.stringify(it),
    inspect(it),
    inspect({ nested: [it] }),
    JSON.stringify({ it }),
  ]);
  for (const form of forms) assert.doesNotMatch(form, /SECRET/);
  assert.match(JSON.stringify(bundle), /gate\.test.*"depth":2/);
});

const findings = (act: () => unknown): readonly string[] => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.doesNotMatch(inspect(error), /SECRET/);
    return error.findings.map(({ path, code, suggestion }) => `${path} ${code}${suggestion ? ` ${suggestion}` : ""}`);
  }
  return [];
};

test("the environment's usual variables, the first that is set; a blank one is none", () => {
  const env = {
    ANTHROPIC_API_KEY: " k1\n",
    ANTHROPIC_BASE_URL: "http://a.test",
    GOOGLE_API_KEY: " ",
    GEMINI_API_KEY: "k2",
    OPENAI_API_KEY: "",
  };
  const found = CredentialBundle.fromEnvironment(env);
  assert.deepEqual(found.names(), ["anthropic", "google"]);
  assert.deepEqual({ ...found.get("anthropic") }, { apiKey: "k1", baseUrl: "http://a.test" });
  assert.deepEqual({ ...found.get("google") }, { apiKey: "k2" });
  assert.deepEqual(CredentialBundle.fromEnvironment({}).names(), []);
});

test("a value may be a reference to a variable or a file; every one that leads nowhere is told, with its path", () => {
  const folder = mkdtempSync(join(tmpdir(), "geny-keys-"));
  try {
    const file = join(folder, "key");
    writeFileSync(file, "  from-file\n");
    const env = { MINE: "from-env" };
    const found = new CredentialBundle(
      {
        anthropic: { apiKey: { file }, defaultHeaders: { "x-tenant": { env: "MINE" } } },
        openai: { apiKey: { env: "MINE" }, baseUrl: { env: "MINE" } },
      },
      env,
    );
    assert.deepEqual({ ...found.get("anthropic") }, { apiKey: "from-file", defaultHeaders: { "x-tenant": "from-env" } });
    assert.deepEqual({ ...found.get("openai") }, { apiKey: "from-env", baseUrl: "from-env" });
    const wrong = () =>
      new CredentialBundle(
        { a: { apiKey: { env: "GONE" } }, b: { authToken: { file: join(folder, "gone") }, extras: { token: "SECRET-1" } } },
        env,
      );
    assert.deepEqual(findings(wrong), ["a.apiKey credentials.unresolved", "b.authToken credentials.unresolved"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a file of credentials: snake_case, references, and all that is wrong with it at once, without what stands in it", () => {
  const folder = mkdtempSync(join(tmpdir(), "geny-keys-"));
  const file = join(folder, "credentials.json");
  const load = (document: unknown, env = {}) => {
    writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document));
    return CredentialBundle.fromFile(file, env);
  };
  try {
    const found = load(
      {
        vllm: { base_url: "http://127.0.0.1:8000/v1", auth_mode: "api_key", extras: { num_ctx: 8 } },
        anthropic: { api_key: { env: "K" } },
      },
      { K: "key" },
    );
    assert.deepEqual({ ...found.get("vllm") }, { baseUrl: "http://127.0.0.1:8000/v1", authMode: "api_key", extras: { num_ctx: 8 } });
    assert.equal(found.get("anthropic")?.apiKey, "key");
    assert.deepEqual(
      findings(() =>
        load({ anthropic: { apikey: "SECRET", auth_mode: "SECRET", api_key: { env: 1 } }, openai: "SECRET", __proto__x: { extras: [] } }),
      ),
      [
        "anthropic.apikey credentials.invalid api_key",
        "anthropic.auth_mode credentials.invalid",
        "anthropic.api_key credentials.invalid",
        "openai credentials.invalid",
        "__proto__x.extras credentials.invalid",
      ],
    );
    assert.deepEqual(
      findings(() => load("SECRET {")),
      [`${file} credentials.unreadable`],
    );
    assert.deepEqual(
      findings(() => CredentialBundle.fromFile(join(folder, "none"))),
      [`${join(folder, "none")} credentials.unreadable`],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the preferred provider: by the order, only of those that hold anything; null for none", () => {
  assert.equal(new CredentialBundle({}).preferredProvider(), null);
  assert.equal(new CredentialBundle({ anthropic: {}, openai: { apiKey: "k" } }).preferredProvider(), "openai");
  assert.equal(
    new CredentialBundle({ anthropic: { apiKey: "k" }, claude_code_cli: { authMode: "auto" } }).preferredProvider(),
    "claude_code_cli",
  );
  assert.equal(new CredentialBundle({ anthropic: { apiKey: "k" }, openai: { apiKey: "k" } }).preferredProvider(["openai"]), "openai");
  assert.equal(new CredentialBundle({ mine: { apiKey: "k" } }).preferredProvider(), "mine");
});
