/**
 * Whatever is changed in a manifest, it loads, or is refused with a finding that names the place. `npm run test:fuzz` tries 100,000; `FUZZ` in the
 * environment says another number.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AdhocToolProvider,
  ConfigError,
  FINDINGS,
  type Finding,
  type ManifestDocument,
  manifestFindingsFor,
  Pipeline,
  validateManifest,
} from "geny-executor";
import { load } from "../golden-replay/data.ts";
import { manifestNamed } from "../golden-replay/manifest-cases.ts";
import { mutated, mutation, type Value } from "./mutate.ts";

const RUNS = Number(process.env.FUZZ ?? 1500);
/** Milliseconds that one manifest may take, on a machine that does other things too. */
const SLOW = 2000;
const BASES = new Map(
  Object.keys(load<object>("manifests/expected.json", true) ?? {}).map((file) => [file, manifestNamed(file) as unknown as Value]),
);
const SOUND = new Set(
  [...BASES.keys()].filter((file) => validateManifest(BASES.get(file)).every(({ severity }) => severity === "warning")),
);

/** What a manifest requires of its host is there. */
const KNOWS_ALL: AdhocToolProvider = {
  get: (name) => ({ name, description: "", input: { type: "object" }, effect: "read", run: () => "" }),
};
const made = (manifest: unknown, strict: boolean): Pipeline | ConfigError => {
  try {
    return new Pipeline({ manifest: manifest as ManifestDocument, strict, adhocProviders: [KNOWS_ALL] });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
};
const errorsOf = (findings: readonly Finding[]) => findings.filter(({ severity }) => severity === "error");

/** A finding is of the table, as severe as that says, and says where and what. */
const proper = ({ code, severity, path, message }: Finding): void => {
  assert.ok(Object.hasOwn(FINDINGS, code), code);
  const rule: string = FINDINGS[code].severity;
  if (rule === "error" || rule === "warning") assert.equal(severity, rule, `${code} ${path}`);
  assert.ok(typeof path === "string" && message.length > 5, `${code} ${path} ${message}`);
};
/** One change in a sound manifest: an error stands at its place, or in the same item of a list, or speaks of that, or misses a stage. */
const names = (errors: readonly Finding[], place: string): boolean =>
  errors.some(({ path, message }) => {
    const item = /^\w+\[\d+\]/.exec(place)?.[0];
    if (path === "stages" || place.startsWith(path) || path.startsWith(place)) return true;
    return item !== undefined && (path.startsWith(item) || message.includes(item));
  });

test(`${RUNS} changed manifests load or are refused with the place, strictly and leniently, and no prototype changes`, () => {
  const before = Reflect.ownKeys(Object.prototype);
  fc.assert(
    fc.property(fc.constantFrom(...BASES.keys()), fc.array(mutation, { minLength: 1, maxLength: 4 }), (file, mutations) => {
      const start = performance.now();
      let manifest: Value = BASES.get(file) ?? null;
      let place = "";
      for (const one of mutations) ({ document: manifest, path: place } = mutated(manifest, one));
      const text = JSON.stringify(manifest);

      const findings = validateManifest(manifest);
      findings.forEach(proper);
      const errors = errorsOf(findings);
      const strict = made(manifest, true);
      assert.equal(strict instanceof ConfigError, errors.length > 0, "validateManifest and a strict load agree");
      if (strict instanceof ConfigError && SOUND.has(file) && mutations.length === 1)
        assert.ok(names(errors, place), `${place}: ${errors.map(({ path }) => path).join(", ")}`);

      const lenient = made(manifest, false);
      if (lenient instanceof ConfigError)
        assert.ok(errorsOf(lenient.findings).some(({ path, code }) => path === "" || path === "stages" || code.startsWith("form.")));
      else {
        for (const error of errors) assert.ok(lenient.findings.some(({ path, code }) => path === error.path && code === error.code));
        const left = errorsOf(validateManifest(lenient.snapshot()));
        assert.deepEqual(
          left.filter(({ code }) => code !== "stage.required_inactive" && code !== "provider.missing"),
          [],
        );
        manifestFindingsFor(manifest, "python-2.1");
        manifestFindingsFor(manifest, "python-2.79");
      }
      assert.equal(JSON.stringify(manifest), text, "the input stays as it is");
      assert.ok(performance.now() - start < SLOW, "in time");
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    }),
    { numRuns: RUNS },
  );
  assert.deepEqual(Reflect.ownKeys(Object.prototype), before);
});
