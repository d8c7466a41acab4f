/** How a changed value is put into words. */
import { type Field, type Fields, type Json, type JsonObject, own } from "../contract/schema.ts";
import { same } from "./diff.ts";
import { objectOf } from "./json.ts";
import { sanitizeSecrets } from "./sanitize.ts";
import type { Change } from "./semantic-diff.ts";

export type About = Pick<Change, "kind" | "stage" | "path">;

/** The first of the definition's words about a thing, in parentheses after its name. */
export const explained = (name: string, about: string | undefined): string => (about ? `${name} (${clause(about)})` : name);
const clause = (about: string): string => about.replace(/[.;:](?: .*)?$/s, "").replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase());

const LONGEST = 120;
/** A value inside a sentence: names bare, other texts quoted, long ones cut. */
export const shown = (value: Json): string => {
  if (value === null) return "none";
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.length ? value.map(shown).join(", ") : "none";
  const text = typeof value === "string" && /^[\w.:/*$@{}-]+$/.test(value) ? value : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
};

/** `SUBJECT is NEW instead of OLD`; nothing when they are the same. What the last key of the path says is a secret is not shown. */
export const changed = (about: About, subject: string, before: Json, after: Json): Change[] => {
  if (same(before, after)) return [];
  const key = about.path.split(".").at(-1) ?? "";
  const hide = (value: Json): Json => objectOf(sanitizeSecrets({ [key]: value }))[key] ?? null;
  const [old, now] = [hide(before), hide(after)];
  const hidden = same(old, now);
  return [
    {
      ...about,
      before: old,
      after: now,
      text: `${subject} is ${hidden ? "another; it is not shown" : `${shown(now)} instead of ${shown(old)}`}`,
    },
  ];
};

/** The changes between two configs of one form: what is left out is its default. Keys that the form does not know are compared as they are. */
export const valueChanges = (
  fields: Fields,
  a: JsonObject,
  b: JsonObject,
  tell: (key: string, what: string) => { readonly about: About; readonly subject: string },
): Change[] => {
  const shape: Record<string, Field> = fields.shape;
  return [...new Set([...Object.keys(shape), ...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const field = own(shape, key);
    const valueIn = (config: JsonObject): Json => (Object.hasOwn(config, key) ? config[key] : field?.default) ?? null;
    const { about, subject } = tell(key, explained(key, field?.about));
    return changed(about, subject, valueIn(a), valueIn(b));
  });
};
