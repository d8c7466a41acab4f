/** A request as a cassette keeps it and compares it: the same for the same question, whoever asks, with whatever key. */
import type { Json, JsonObject } from "../../contract/schema.ts";
import { isSecretName, MARK, type Scrub, scrub, secretsOf } from "./redact.ts";

/** `base64`: what is no UTF-8. */
export type CassetteBody = { readonly json: Json } | { readonly text: string } | { readonly base64: string } | null;

export interface CassetteRequest {
  readonly method: string;
  /** For the reader; it is not compared. */
  readonly origin: string;
  /** With its query, sorted. */
  readonly path: string;
  /** The few that change what a request means, and the names of those that carried a secret. */
  readonly headers: { readonly [name: string]: string };
  readonly body: CassetteBody;
}

export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  readonly body: Uint8Array;
}

/** Compared: they change what a request means. */
const meaning = ["anthropic-version", "anthropic-beta", "openai-beta"];
const kept = [...meaning, "accept", "content-type"];

export function canonical(raw: RawRequest): {
  readonly request: CassetteRequest;
  readonly scrub: Scrub;
  readonly secrets: readonly string[];
} {
  const url = new URL(raw.url);
  const headers = [...raw.headers].map(([name, value]) => [name.toLowerCase(), value] as const);
  const secrets = secretsOf(url, headers);
  const clean = scrub(secrets);
  const query = [...url.searchParams].map(([name, value]): [string, string] => [name, isSecretName(name) ? MARK : clean.text(value)]);
  const order = (a: readonly [string, string], b: readonly [string, string]): number => compare(a[0], b[0]) || compare(a[1], b[1]);
  const search = query.length ? `?${new URLSearchParams(query.sort(order))}` : "";
  const told = headers.flatMap(([name, value]): [string, string][] =>
    kept.includes(name) ? [[name, clean.text(value)]] : isSecretName(name) ? [[name, MARK]] : [],
  );
  const request = {
    method: raw.method.toUpperCase(),
    origin: clean.text(url.origin),
    path: clean.text(url.pathname) + search,
    headers: Object.fromEntries(told.sort(order)),
    body: bodyOf(raw.body, clean),
  };
  return { request, scrub: clean, secrets };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function bodyOf(bytes: Uint8Array, clean: Scrub): CassetteBody {
  if (!bytes.length) return null;
  const text = utf8(bytes);
  if (text !== null) {
    try {
      return { json: sorted(clean.json(JSON.parse(text) as Json)) };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return bytesBody(clean.bytes(bytes));
}

/** As text where it is UTF-8, else as base64: the bytes come back exactly. */
export function bytesBody(bytes: Uint8Array): { readonly text: string } | { readonly base64: string } {
  const text = utf8(bytes);
  return text === null ? { base64: Buffer.from(bytes).toString("base64") } : { text };
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

const isObject = (value: Json): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

function sorted(value: Json): Json {
  if (isList(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]): [string, Json] => [key, sorted(inner)])
      .sort(([a], [b]) => compare(a, b)),
  );
}

/** What differs, as `path: recorded X, now Y`. Nothing at or below a path of `ignore`, such as `body.metadata`, is looked at. */
export function drift(recorded: CassetteRequest, now: CassetteRequest, ignore: readonly string[]): string[] {
  const of = ({ method, path, headers, body }: CassetteRequest): JsonObject => ({
    method,
    path,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => meaning.includes(name))),
    body: body && "json" in body ? body.json : body,
  });
  return differences(of(recorded), of(now), "", ignore);
}

function differences(was: Json | undefined, is: Json | undefined, path: string, ignore: readonly string[]): string[] {
  if (ignore.includes(path)) return [];
  const inner = (key: string | number): string => (path ? `${path}.${key}` : String(key));
  if (was !== undefined && is !== undefined && isList(was) && isList(is)) {
    return Array.from({ length: Math.max(was.length, is.length) }, (_, i) => differences(was[i], is[i], inner(i), ignore)).flat();
  }
  if (was !== undefined && is !== undefined && isObject(was) && isObject(is)) {
    const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    return keys.flatMap((key) => differences(own(was, key), own(is, key), inner(key), ignore));
  }
  return was === is ? [] : [`${path}: recorded ${show(was)}, now ${show(is)}`];
}

const own = (object: JsonObject, key: string): Json | undefined => (Object.hasOwn(object, key) ? object[key] : undefined);

function show(value: Json | undefined): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
