/** Whether a request is the one a turn was written for. */
import type { Json, JsonObject } from "../contract/schema.ts";

/**
 * A partial picture of the request's body. An object asks only for the keys it names; a list asks for the same length; anything else for equality.
 * `{ $contains: x }` asks that a text contains the text x, or a list an element that matches x; `{ $absent: true }` that there is no such key.
 * A function gets the whole body and throws, or returns false, when it is not satisfied.
 */
export type Expected = JsonObject | ((body: JsonObject) => unknown);

/** The first difference as `path: what`, or null when the body fits. */
export function mismatch(expected: Expected, body: JsonObject): string | null {
  if (typeof expected !== "function") return differ(expected, body, "body");
  try {
    return expected(body) === false ? "body: the turn's expect function returned false" : null;
  } catch (error) {
    return `body: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
const show = (value: Json | undefined): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
};

function differ(expected: Json, actual: Json | undefined, path: string): string | null {
  if (isObject(expected)) {
    if (expected.$absent === true) return actual === undefined ? null : `${path}: expected nothing, got ${show(actual)}`;
    if (expected.$contains !== undefined)
      return contains(expected.$contains, actual) ? null : `${path}: ${show(expected.$contains)} is not in ${show(actual)}`;
    if (!isObject(actual)) return `${path}: expected an object, got ${show(actual)}`;
    return first(
      Object.entries(expected).map(
        ([key, value]) =>
          () =>
            differ(value, actual[key], `${path}.${key}`),
      ),
    );
  }
  if (isList(expected)) {
    if (!isList(actual)) return `${path}: expected a list, got ${show(actual)}`;
    if (actual.length !== expected.length) return `${path}: expected ${expected.length} elements, got ${actual.length}`;
    return first(expected.map((value, i) => () => differ(value, actual[i], `${path}.${i}`)));
  }
  return expected === actual ? null : `${path}: expected ${show(expected)}, got ${show(actual)}`;
}

function contains(wanted: Json, actual: Json | undefined): boolean {
  if (typeof actual === "string") return typeof wanted === "string" && actual.includes(wanted);
  return isList(actual) && actual.some((element) => differ(wanted, element, "") === null);
}

function first(checks: readonly (() => string | null)[]): string | null {
  for (const check of checks) {
    const found = check();
    if (found) return found;
  }
  return null;
}
