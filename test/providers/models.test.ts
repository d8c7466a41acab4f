/** What a vendor says of its models, as `models()` gives it. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { APIError } from "geny-executor";
import { type ProviderOptions, providers } from "geny-executor/providers";
import { startModel } from "geny-executor/testing";

const { signal } = new AbortController();
const NAMES = ["anthropic", "openai", "google"] as const;
/** Whose list tells the windows, and whose address has the version. */
const VENDORS = { anthropic: { tells: true, path: "" }, openai: { tells: false, path: "/v1" }, google: { tells: true, path: "" } } as const;
const modelsOf = async (name: (typeof NAMES)[number], options: ProviderOptions) => {
  const provider = await providers[name](options);
  assert.ok(provider.models, `${name} lists no models`);
  return provider.models({ signal });
};

for (const name of NAMES) {
  test(`${name}: the models with their windows`, async () => {
    await using model = await startModel({ models: [{ id: "big", context: 1000 }, "small"], script: [] });
    const found = await modelsOf(name, { apiKey: "k", baseUrl: model.url + VENDORS[name].path });
    assert.deepEqual(
      found.map(({ id, contextWindow }) => [id, contextWindow]),
      [
        ["big", VENDORS[name].tells ? 1000 : null],
        ["small", VENDORS[name].tells ? 131072 : null],
      ],
    );
  });
  test(`${name}: no key, no list, a refusal: each with its code, and without the key`, async () => {
    const answers = [
      [401, '{"error":{"message":"bad key sk-SECRET-1"}}'],
      [200, "<html>hello</html>"],
      [200, '{"data":7}'],
    ] as const;
    let n = 0;
    const server = createServer((_, res) => {
      const [status, body] = answers[n++] ?? [500, ""];
      res.writeHead(status).end(body);
    }).listen(0, "127.0.0.1");
    await new Promise((ok) => server.once("listening", ok));
    const address = server.address();
    const baseUrl = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
    try {
      const codes: string[] = [];
      for (const apiKey of ["", "sk-SECRET-1", "sk-SECRET-1", "sk-SECRET-1"]) {
        const error = await modelsOf(name, { apiKey, baseUrl }).then(
          () => assert.fail("resolved"),
          (thrown: unknown) => thrown,
        );
        assert.ok(error instanceof APIError);
        assert.doesNotMatch(error.message, /SECRET/);
        codes.push(error.code);
      }
      assert.deepEqual(codes, ["exec.api.no_client", "exec.api.auth.invalid_key", "exec.api.unknown", "exec.api.unknown"]);
    } finally {
      server.close();
    }
  });
}

test("a list of many pages is read to its end, and one without an end is not read for ever", async () => {
  let asked = 0;
  const fetch = async (url: string | URL | Request) => {
    const after = Number(new URL(String(url)).searchParams.get("after_id") ?? 0);
    asked++;
    return Response.json({ data: [{ id: `m${after + 1}` }], has_more: true, last_id: String(after + 1) });
  };
  const found = await modelsOf("anthropic", { apiKey: "k", fetch });
  assert.deepEqual([found.length, asked, found.at(-1)?.id], [20, 20, "m20"]);
});
