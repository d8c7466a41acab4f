/** Keys are given to providers and shown nowhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
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
