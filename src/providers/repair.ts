/** Makes any history one that the Messages wire takes, on a copy. Linear, idempotent, and the identity on a history that is right. */
import { blocksOf, type ContentBlock, type Message, type ToolResultBlock, type ToolUseBlock } from "../contract/message.ts";
import { remember } from "../contract/remember.ts";

export interface Repaired {
  /** The same array when nothing was wrong; else unchanged messages are the same objects. */
  readonly messages: readonly Message[];
  /** For each message the index of the last given message that went into it. Null: nothing was wrong. */
  readonly last: readonly number[] | null;
}

const INTERRUPTED = "No result: the call was interrupted before it finished.";
const BEGINNING = "(The beginning of this conversation is not shown.)";
/** The longest id of a call that every vendor takes. */
const LONGEST = 40;
const LEGAL = new RegExp(`^[a-zA-Z0-9_-]{1,${LONGEST}}$`);

const note = (role: "user", content: string): Message => ({ id: "", origin: "note", role, content });
const blank = (text: string): boolean => !/\S/.test(text);
const isThinking = (b: ContentBlock | undefined): boolean => b?.type === "thinking" || b?.type === "redacted_thinking";

/** Whether a block can be sent as it is, whatever stands around it. */
const sound = (b: ContentBlock): boolean => {
  if (b.type === "text") return !blank(b.text);
  if (b.type === "thinking") return Boolean(b.signature);
  if (b.type === "tool_result") return typeof b.content === "string" || b.content.every(sound);
  return true;
};

/**
 * The rules: roles alternate and begin with user; no blank text, no empty message; thinking is signed and never a message's end; every
 * call's id is its own, of at most 40 letters, digits, _ and -; the results of a message's calls, and no others, open the next message; the
 * last word does not end in space.
 */
export const repair = (messages: readonly Message[]): Repaired => (isValid(messages) ? { messages, last: null } : rebuild(messages));

const isValid = (messages: readonly Message[]): boolean => {
  const seen = new Set<string>();
  let open = NONE;
  let role = "assistant";
  for (const message of messages) {
    const { sound: fine, calls, answers } = factsOf(message);
    if (!fine || message.role === role || answers.length !== open.length) return false;
    for (const id of open) if (!answers.includes(id)) return false;
    for (const id of calls) {
      if (seen.has(id)) return false;
      seen.add(id);
    }
    open = calls;
    role = message.role;
  }
  const end = messages.at(-1);
  return open.length === 0 && !(end?.role === "assistant" && endsInSpace(end));
};

/** What can be said of a message by itself; found once a message, because histories are long and sent often. */
interface Facts {
  readonly sound: boolean;
  readonly calls: readonly string[];
  readonly answers: readonly string[];
}
const NONE: readonly string[] = [];
const PLAIN: Facts = { sound: true, calls: NONE, answers: NONE };
const BROKEN: Facts = { sound: false, calls: NONE, answers: NONE };

const examine = ({ role, content }: Message): Facts => {
  if (typeof content === "string") return blank(content) ? BROKEN : PLAIN;
  if (content.length === 0 || !content.every(sound) || (role === "assistant" && isThinking(content.at(-1)))) return BROKEN;
  const answers = content.flatMap((block) => (block.type === "tool_result" ? [block.tool_use_id] : []));
  const calls = content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
  if (answers.length && (role !== "user" || new Set(answers).size !== answers.length)) return BROKEN;
  if (content.slice(0, answers.length).some(({ type }) => type !== "tool_result")) return BROKEN;
  if (calls.length && (role !== "assistant" || !calls.every((id) => LEGAL.test(id)))) return BROKEN;
  return calls.length || answers.length ? { sound: true, calls, answers } : PLAIN;
};

const factsOf = remember(examine);

const endsInSpace = (message: Message): boolean => {
  const end = typeof message.content === "string" ? message.content : message.content.at(-1);
  const text = typeof end === "string" ? end : end?.type === "text" ? end.text : "";
  return /\s$/.test(text);
};

/** One message that is being put together. */
interface Draft {
  readonly role: Message["role"];
  readonly blocks: ContentBlock[];
  readonly calls: Call[];
  /** Index of the last given message in it. */
  last: number;
}
interface Call {
  readonly id: string;
  result: ToolResultBlock | undefined;
}

const rebuild = (messages: readonly Message[]): Repaired => {
  const drafts = draftsOf(messages);
  const out: Message[] = [];
  const last: number[] = [];
  const add = (draft: Draft, blocks: readonly ContentBlock[]) => {
    const same = messages[draft.last];
    out.push(
      same && same.role === draft.role && alike(same.content, blocks)
        ? same
        : { id: same?.id ?? "", origin: same?.origin ?? "note", role: draft.role, content: blocks },
    );
    last.push(draft.last);
  };
  for (const [i, draft] of drafts.entries()) {
    const before = drafts[i - 1];
    const results = before?.calls.map(resultOf) ?? [];
    if (draft.role === "user") {
      add(draft, [...results, ...draft.blocks]);
      continue;
    }
    if (i === 0) {
      out.push(note("user", BEGINNING));
      last.push(-1);
    } else if (before?.role === "assistant") add({ role: "user", blocks: [], calls: [], last: before.last }, results);
    add(draft, draft.blocks);
  }
  const end = drafts.at(-1);
  if (end?.calls.length) add({ role: "user", blocks: [], calls: [], last: end.last }, end.calls.map(resultOf));
  return { messages: out, last };
};

const resultOf = ({ id, result }: Call): ToolResultBlock =>
  result
    ? result.tool_use_id === id
      ? result
      : { ...result, tool_use_id: id }
    : { type: "tool_result", tool_use_id: id, content: INTERRUPTED, is_error: true };

const alike = (content: Message["content"], blocks: readonly ContentBlock[]): boolean => {
  const only = blocks[0];
  if (typeof content === "string") return blocks.length === 1 && only?.type === "text" && only.text === content;
  return content.length === blocks.length && content.every((block, i) => block === blocks[i]);
};

/** The messages without results, merged by role; each call knows its result. An assistant follows an assistant only after calls. */
const draftsOf = (messages: readonly Message[]): readonly Draft[] => {
  const drafts: Draft[] = [];
  const used = names();
  /** Calls by the id they came with: those of the newest message that used it. */
  const open = new Map<string, { readonly draft: Draft; readonly calls: Call[] }>();
  let between = false;
  messages.forEach((message, at) => {
    const draft: Draft = { role: message.role, blocks: [], calls: [], last: at };
    const previous = drafts.at(-1);
    const joins = previous?.role === message.role && (message.role === "user" || previous.calls.length === 0 || !between);
    const target = joins ? previous : draft;
    for (const block of blocksOf(message)) {
      if (block.type === "tool_result") answer(open, block);
      else if (block.type !== "tool_use") {
        if (sound(block)) target.blocks.push(block);
      } else if (message.role === "assistant") target.blocks.push(named(block, target, used, open));
    }
    if (message.role === "user") between = true;
    if (target === draft) {
      while (draft.role === "assistant" && isThinking(draft.blocks.at(-1))) draft.blocks.pop();
      if (draft.blocks.length === 0) return;
      drafts.push(draft);
    }
    while (target.role === "assistant" && isThinking(target.blocks.at(-1))) target.blocks.pop();
    target.last = at;
    if (message.role === "assistant") between = false;
  });
  return trimmed(drafts);
};

const answer = (open: ReadonlyMap<string, { readonly calls: Call[] }>, block: ToolResultBlock): void => {
  const call = open.get(block.tool_use_id)?.calls.find((c) => !c.result);
  if (!call) return;
  call.result = sound(block) || typeof block.content === "string" ? block : { ...block, content: block.content.filter(sound) };
};

type Names = ReturnType<typeof names>;
/** Gives each name once; one that is taken gets the next number in place of its end. */
const names = () => {
  const taken = new Set<string>();
  const numbers = new Map<string, number>();
  return {
    take(base: string): string {
      let name = base;
      let n = numbers.get(base) ?? 2;
      while (taken.has(name)) {
        const number = `_${n++}`;
        name = base.slice(0, LONGEST - number.length) + number;
      }
      numbers.set(base, n);
      taken.add(name);
      return name;
    },
  };
};

/** The call under an id that is legal and its own. */
const named = (
  block: ToolUseBlock,
  draft: Draft,
  used: Names,
  open: Map<string, { readonly draft: Draft; readonly calls: Call[] }>,
): ToolUseBlock => {
  const id = used.take(block.id.replaceAll(/[^a-zA-Z0-9_-]/g, "_").slice(0, LONGEST) || "call");
  const call: Call = { id, result: undefined };
  draft.calls.push(call);
  const known = open.get(block.id);
  if (known?.draft === draft) known.calls.push(call);
  else open.set(block.id, { draft, calls: [call] });
  return id === block.id ? block : { ...block, id };
};

/** Without space at the very end, when the assistant has the last word. */
const trimmed = (drafts: Draft[]): readonly Draft[] => {
  const draft = drafts.at(-1);
  const end = draft?.blocks.at(-1);
  if (draft?.role === "assistant" && end?.type === "text")
    draft.blocks[draft.blocks.length - 1] = /\s$/.test(end.text) ? { ...end, text: end.text.trimEnd() } : end;
  return drafts;
};
