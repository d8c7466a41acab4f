/** Secrets out of a document: in the place of each comes a `${NAME}` that `resolveVariables` can fill in again. */
import type { Json } from "../contract/schema.ts";
import { isObject, mapTexts, type Path } from "./json.ts";
import { variablesOf, withoutReferences } from "./resolve.ts";

/** Words that make a name one of a secret, wherever they stand in it. */
const WORDS: ReadonlySet<string> = new Set([
  "apikey",
  "apikeys",
  "authorization",
  "bearer",
  "cookie",
  "credential",
  "credentials",
  "passphrase",
  "passwd",
  "password",
  "passwords",
  "secret",
  "secrets",
  "token",
  "tokens",
]);
/** The same at the end of the name of a text; what stands below such a name may be anything: `auth.type`. */
const LAST: ReadonlySet<string> = new Set(["auth", "pat", "pwd"]);
/** The same for two words side by side. */
const PAIRS = /(^| )(api|access|private) keys?( |$)/;
/** Below these, keys are the names of other things: of a schema's properties, of stages. */
const NAMES_OF_OTHERS: readonly unknown[] = ["properties", "artifacts"];

const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");

/** Whether everything below that name is a secret. */
const isBlockOfSecrets = (name: string): boolean => {
  const words = wordsOf(name);
  return words.some((word) => WORDS.has(word)) || PAIRS.test(words.join(" "));
};
/** Whether a text of that name is a secret: `api_key`, `API-KEY`, `X-Auth`, `dbPassword`, `GITHUB_PAT`; not `tokenizer`, `author`, `pattern`. */
export const isSecretName = (name: string): boolean => isBlockOfSecrets(name) || LAST.has(wordsOf(name).at(-1) ?? "");

/** A text that holds nothing but references, and the scheme before one: `Bearer ${TOKEN}`. */
const isReference = (text: string): boolean => /^\s*(bearer|basic|token)?\s*$/i.test(withoutReferences(text));

/** The keys from the secret's name down; undefined for what is no secret. */
const secretPath = (path: Path): Path | undefined => {
  const own = path.findLastIndex((key) => typeof key === "string");
  const at = path.findIndex(
    (key, i) =>
      typeof key === "string" && !NAMES_OF_OTHERS.includes(path[i - 1]) && (i === own ? isSecretName(key) : isBlockOfSecrets(key)),
  );
  if (at < 0) return undefined;
  const last = path.findLastIndex((key) => typeof key === "string" && isSecretName(key));
  return path.slice(Math.max(at, last));
};

const placeholderName = (path: Path): string => {
  const name = path
    .join("_")
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_");
  return /^[A-Z_]/.test(name) ? name : `_${name}`;
};

/** Gives every secret a name of its own: two that differ never share one, and none has that of a reference which is there. */
const naming = (value: Json) => {
  const taken = new Map<string, string | undefined>(variablesOf(value).map((name) => [name, undefined]));
  return (path: Path, secret: string): string => {
    const wanted = placeholderName(path);
    let name = wanted;
    for (let n = 2; taken.has(name) && taken.get(name) !== secret; n++) name = `${wanted}_${n}`;
    taken.set(name, secret);
    return `\${${name}}`;
  };
};

const FLAG = /^--?([A-Za-z][\w-]*)(?:=(.+))?$/s;
/**
 * `Authorization: Bearer KEY`, `API_KEY=KEY`, also behind a flag: `--header=X-Api-Key: KEY`, `-HX-Auth: KEY`. After a colon it is one line, and one
 * word where the text is no argument: others are sentences.
 */
const NAMED = /^(?:--?[A-Za-z][\w-]*=|-[A-Za-z])?([A-Za-z_][\w.-]*)(\s*:\s*|=)((?:bearer|basic|token)\s+)?(\S.*)$/is;
const QUERY = /([?&;])([\w.-]+)=([^&#;\s]+)/g;
const USER = /^([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):([^\s/@]+)@/i;

/**
 * A copy without secrets: texts under a secret's name, command-line flags of such a name (`--api-key KEY`), headers and variables in a text
 * (`Authorization: Bearer KEY`, `API_KEY=KEY`), such parameters of an address, and the password in one. Numbers (`max_tokens`), empty texts and
 * what is a reference already stay.
 */
export const sanitizeSecrets = (value: Json): Json => {
  const place = naming(value);
  const inText = (text: string, path: Path): string => {
    if (text === "" || isReference(text)) return text;
    const secret = secretPath(path);
    if (secret) return place(secret, text);
    const [, flag = "", given] = FLAG.exec(text) ?? [];
    if (given !== undefined && isSecretName(flag))
      return isReference(given) ? text : `${text.slice(0, -given.length)}${place([flag], given)}`;
    const [, name = "", mark = "", scheme, value = ""] = NAMED.exec(text) ?? [];
    const word = !/\s/.test(value);
    const isValue = word || mark === "=" || (typeof path.at(-1) === "number" && !value.includes("\n"));
    if ((isSecretName(name) && isValue) || (scheme !== undefined && word))
      return isReference(value) ? text : `${text.slice(0, -value.length)}${place([name], value)}`;
    return text
      .replace(USER, (whole, head: string, password: string) =>
        isReference(password) ? whole : `${head}:${place([...path.slice(-1), "password"], password)}@`,
      )
      .replace(QUERY, (whole, mark: string, name: string, given: string) =>
        (isSecretName(name) || name.toLowerCase() === "key") && !isReference(given) ? `${mark}${name}=${place([name], given)}` : whole,
      );
  };
  return mapTexts(afterFlags(value, place), inText);
};

/** What follows a flag in a list of arguments is the flag's. */
const afterFlags = (value: Json, place: (path: Path, secret: string) => string): Json => {
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, afterFlags(item, place)]));
  if (!Array.isArray(value)) return value;
  return value.map((item: Json, i): Json => {
    const before: Json | undefined = value[i - 1];
    const [, flag = "", given] = typeof before === "string" ? (FLAG.exec(before) ?? []) : [];
    const secret = typeof item === "string" && given === undefined && isSecretName(flag) && !isReference(item) && !FLAG.test(item);
    return secret ? place([flag], item) : afterFlags(item, place);
  });
};

/** The same, under the name that the Python program has for it. */
export const EnvironmentSanitizer = { sanitize: sanitizeSecrets } as const;
