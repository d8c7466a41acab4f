/** Finds the calls in a model's text as it comes. Linear in the text, however it is cut; the same text has the same calls. */
import type { JsonObject } from "../../contract/schema.ts";
import { isObject, parsed } from "../json.ts";
import { mended } from "../mend.ts";
import { quotes } from "./text-quotes.ts";

export interface TextCall {
  readonly name: string;
  readonly input: JsonObject;
  /** Characters of a body that was no JSON and was mended; null for one that was right. */
  readonly mended: number | null;
}
/** Why something that looks like a call is none. */
export type NoCall = "malformed" | "unknown_tool" | "quoted" | "wrong_tag";

export interface CallReading {
  /** The name of the tags that enclose a call. Nobody but the model can know it. */
  readonly tag: string;
  /** The tool that is meant; undefined when there is none. */
  toolOf(name: string): string | undefined;
  text(words: string): void;
  call(call: TextCall): void;
  /** It stays in the text. */
  none(why: NoCall): void;
}
export interface CallReader {
  push(words: string): void;
  /** The answer is whole. A call that is not closed counts if its body is whole JSON. */
  end(): void;
  /** There were calls, and the model has gone on after them: nothing more is heard. */
  readonly beyond: boolean;
}

/** Every tag of a call begins so. */
export const CALL = "tool_call_";
/** Characters after the calls that are borne, so that an answer which is about to end does end. */
const PATIENCE = 200;

export const callReader = ({ tag, toolOf, text, call, none }: CallReading): CallReader => {
  const open = `<${tag}>`;
  const close = `</${tag}>`;
  const place = quotes((lead) => {
    const start = lead.trimStart();
    if (start.startsWith(`<${CALL}`) && !start.startsWith(open)) none("wrong_tag");
  });
  let state: "text" | "call" | "after" | "beyond" = "text";
  /** What may be the beginning of a tag, and white space that is said when words follow it. */
  let held = "";
  let space = "";
  let body: string[] = [];
  let called = false;
  let beyond = 0;

  const say = (words: string) => {
    place.read(words);
    const full = words.trimEnd().length;
    if (full) text(space + words.slice(0, full));
    space = full ? words.slice(full) : space + words;
  };
  /** `sure`: nothing is missing at the body's end. */
  const settle = (json: string, raw: string, sure: boolean) => {
    const found = callIn(json, toolOf, sure);
    if (typeof found === "string") {
      none(found);
      say(raw);
    } else {
      call(found);
      called = true;
      space = "";
    }
    state = called ? "after" : "text";
  };

  const inText = (words: string): string => {
    const at = words.indexOf(open);
    if (at < 0) {
      const from = beginning(words, open);
      say(words.slice(0, from));
      held = words.slice(from);
      return "";
    }
    say(words.slice(0, at));
    if (place.quoted) {
      none("quoted");
      say(open);
    } else state = "call";
    return words.slice(at + open.length);
  };
  const inCall = (words: string): string => {
    const at = words.indexOf(close);
    if (at < 0) {
      const from = beginning(words, close);
      body.push(words.slice(0, from));
      held = words.slice(from);
      return "";
    }
    body.push(words.slice(0, at));
    const json = body.join("");
    body = [];
    settle(json, `${open}${json}${close}`, true);
    return words.slice(at + close.length);
  };
  const afterCall = (words: string): string => {
    const next = words.trimStart();
    if (next.startsWith(open)) {
      state = "call";
      return next.slice(open.length);
    }
    if (open.startsWith(next)) {
      held = next;
      return "";
    }
    state = "beyond";
    return next;
  };
  const pass = { text: inText, call: inCall, after: afterCall };

  return {
    push(words) {
      let rest = held + words;
      held = "";
      while (rest && state !== "beyond") rest = pass[state](rest);
      beyond += rest.length;
    },
    end() {
      if (state === "call") {
        const json = body.join("") + held;
        settle(json, open + json, false);
      } else if (held) say(held);
      if (space) text(space);
      place.end();
    },
    get beyond() {
      return beyond > PATIENCE;
    },
  };
};

/** Where at the end of `words` a beginning of `tag` stands; its length when there is none. */
const beginning = (words: string, tag: string): number => {
  const at = words.lastIndexOf("<");
  return at >= 0 && tag.startsWith(words.slice(at, at + tag.length)) ? at : words.length;
};

const callIn = (json: string, toolOf: CallReading["toolOf"], sure: boolean): TextCall | NoCall => {
  const right = parsed(json) ?? (sure ? undefined : parsed(json.slice(0, Math.max(0, json.indexOf(`</${CALL.slice(0, -1)}`)))));
  const value = right ?? (sure ? mended(json) : undefined);
  if (!isObject(value) || typeof value.name !== "string") return "malformed";
  const given = value.input ?? value.arguments ?? {};
  const input = typeof given === "string" ? parsed(given) : given;
  if (!isObject(input)) return "malformed";
  const name = toolOf(value.name);
  return name === undefined ? "unknown_tool" : { name, input, mended: right === undefined ? json.length : null };
};
