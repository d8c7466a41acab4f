/** A stream's tool calls. Their pieces come by index, mostly in order; servers leave out ids and indices, and reuse them. */
import type { Json, JsonObject } from "../contract/schema.ts";
import { sayCall } from "./arguments.ts";
import { count, isObject, object, parsed, text } from "./json.ts";
import { mended } from "./mend.ts";
import type { Reading } from "./wire.ts";

interface Call {
  readonly at: number;
  readonly id: string;
  /** As the server named it; empty when it did not. */
  readonly given: string;
  name: string;
  json: string;
  /** The end of `json`, as far as it was not said. */
  unsaid: string;
  /** The number of its block, once it has begun. */
  block: number;
  over: boolean;
}
type Mend = Parameters<typeof sayCall>[2];

/**
 * One call is said at a time, as it comes. Another one that begins ends it, if its arguments are whole; else the newer ones wait for the
 * answer's end. `nextBlock` numbers the blocks of the answer; `makeId` names a call that the server did not.
 */
export const callReader = (reading: Reading, nextBlock: () => number, makeId: (nth: number) => string) => {
  const { say } = reading;
  const calls: Call[] = [];
  const byIndex = new Map<number, Call>();
  /** Calls that were said whole. */
  let ended = 0;
  let stuck = false;

  const begin = (at: number, given: string, name: string): Call => {
    const call = { at, id: given || makeId(calls.length + 1), given, name, json: "", unsaid: "", block: -1, over: false };
    const live = calls[ended];
    if (live && !stuck) {
      stuck = !isObject(parsed(live.json));
      if (!stuck) end(live, undefined);
    }
    calls.push(call);
    byIndex.set(at, call);
    return call;
  };
  const tell = (call: Call) => {
    if (!call.name) return;
    if (call.block < 0) {
      call.block = nextBlock();
      say({ type: "tool_call_start", index: call.block, id: call.id, name: call.name });
    }
    if (call.unsaid) say({ type: "tool_call_delta", index: call.block, json: call.unsaid });
    call.unsaid = "";
  };
  const end = (call: Call, mend: Mend) => {
    ended++;
    call.over = true;
    tell(call);
    if (call.name) sayCall(reading, { index: call.block, id: call.id, name: call.name, json: call.json }, mend);
    else reading.unknown("tool_calls without a name");
  };
  /** The call that a piece belongs to. Only the first piece of a call has a name; some servers make up a new id for every piece. */
  const callOf = (piece: JsonObject, name: string): Call => {
    const given = text(piece.id);
    const index = count(piece.index);
    const known = index === undefined ? calls.at(-1) : byIndex.get(index);
    const fresh = index ?? calls.length;
    if (!known) return begin(fresh, given, name);
    const another = given === "" ? known.given === "" && known.json !== "" : given !== known.given && known.given + known.json !== "";
    return name !== "" && another ? begin(fresh, given, name) : known;
  };
  return {
    take(value: Json) {
      const piece = object(value);
      const made = object(piece.function);
      const name = text(made.name);
      const call = callOf(piece, name);
      call.name ||= name;
      // Some servers send the arguments as the object that they are.
      const json = isObject(made.arguments) ? JSON.stringify(made.arguments) : text(made.arguments);
      if (call.over) return json.trim() ? reading.unknown("arguments after their end") : undefined;
      call.json += json;
      call.unsaid += json;
      if (call === calls[ended]) tell(call);
    },
    /**
     * Ends the calls: the answer is whole, or says something else. `cut`: it was ended before it asked for results, so that what is missing of
     * the arguments must not be guessed.
     */
    end(cut: boolean) {
      if (ended === calls.length) return;
      stuck = false;
      for (const call of calls.slice(ended)) end(call, cut ? undefined : mended);
    },
    /** Whether there is one that can be made. */
    any: () => calls.some(({ name }) => name !== ""),
  };
};
