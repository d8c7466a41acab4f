/** Keeps secrets out of a cassette: by name where they stand, and by value wherever else they turn up. */
import type { Json, JsonObject } from "../../contract/schema.ts";

export const MARK = "[redacted]";
const secretName = /auth|key|token|secret|cookie|passw|credential|session|signature|^sig$|^code$/i;
/** A shorter value is no secret worth the name, and would be found in half of all words. */
const shortest = 8;

export const isSecretName = (name: string): boolean => secretName.test(name);

/** The secret values that headers and a URL carry: whole, without their scheme, and what a cookie or Basic credentials consist of. */
export function secretsOf(url: URL, headers: Iterable<readonly [name: string, value: string]>): string[] {
  const held = [...headers].flatMap(([name, value]) => (isSecretName(name) ? partsOf(name, value) : []));
  const asked = [...url.searchParams].flatMap(([name, value]) => (isSecretName(name) ? [value] : []));
  return [...held, ...asked, plain(url.username), plain(url.password)].filter((value) => value.length >= shortest && !MARK.includes(value));
}

function partsOf(name: string, value: string): string[] {
  if (/cookie/i.test(name)) return [value, ...value.split(";").map((pair) => pair.slice(pair.indexOf("=") + 1).trim())];
  const bare = value.replace(/^\w+\s+/, "");
  const basic = /^basic\s/i.test(value) ? Buffer.from(bare, "base64").toString("utf8") : "";
  return [value, bare, basic, basic.slice(basic.indexOf(":") + 1)];
}

function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return encoded;
    throw error;
  }
}

/** Puts a mark in the place of every secret, also where it is escaped for JSON or a URL, or in base64. */
export interface Scrub {
  text(value: string): string;
  json(value: Json): Json;
  bytes(value: Uint8Array): Uint8Array;
  /** Whether a secret is left in a text. */
  leaks(text: string): boolean;
}

export function scrub(secrets: readonly string[]): Scrub {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const asBytes = forms.map((form) => Buffer.from(form, "utf8").toString("latin1"));
  const without = (value: string, list: readonly string[]): string => list.reduce((text, form) => text.replaceAll(form, MARK), value);
  const text = (value: string): string => without(value, forms);
  const json = (value: Json): Json => {
    if (typeof value === "string") return text(value);
    if (typeof value !== "object" || value === null) return value;
    if (isList(value)) return value.map(json);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), json(inner)]));
  };
  return {
    text,
    json,
    bytes: (value) => Buffer.from(without(Buffer.from(value).toString("latin1"), asBytes), "latin1"),
    leaks: (value) => forms.some((form) => value.includes(form)),
  };
}

const isList = (value: readonly Json[] | JsonObject): value is readonly Json[] => Array.isArray(value);

/** JSON in JSON in JSON is what a stream of a tool's arguments amounts to. */
function formsOf(secret: string): string[] {
  const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);
  const percent = secret.isWellFormed() ? [encodeURIComponent(secret), new URLSearchParams({ "": secret }).toString().slice(1)] : [];
  const base64 = Buffer.from(secret, "utf8").toString("base64").replace(/=+$/, "");
  return [secret, quoted(secret), quoted(quoted(secret)), quoted(quoted(quoted(secret))), ...percent, base64];
}
