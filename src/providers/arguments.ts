/** The end of a tool's call: its arguments are an object, or the host is told that they are none. */
import type { Json } from "../contract/schema.ts";
import { isObject, parsed } from "./json.ts";
import type { Reading } from "./wire.ts";

/** Characters of unreadable arguments that are kept. */
const UNPARSED = 4000;

export interface CallEnd {
  readonly index: number;
  readonly id: string;
  readonly name: string;
  /** The arguments as JSON text; blank for none. */
  readonly json: string;
  /** The arguments where there is no text of them. */
  readonly input?: Json | undefined;
}

/** Says the call. `mend` may read what is no JSON: undefined when it cannot. */
export const sayCall = (reading: Reading, { index, id, name, json, input }: CallEnd, mend?: (json: string) => Json | undefined): void => {
  const call = { type: "tool_call", index, id, name } as const;
  const given = json.trim() === "" ? (input ?? {}) : parsed(json);
  if (isObject(given)) {
    reading.say({ ...call, input: given });
    return;
  }
  const raw = json || JSON.stringify(input);
  const mended = mend?.(raw);
  const repaired = isObject(mended);
  reading.notice("tool_args_repaired", { raw_length: raw.length, tool: name, repaired });
  reading.say(
    repaired ? { ...call, input: mended } : { ...call, input: { __unparsed_arguments__: raw.slice(0, UNPARSED) }, unparsed: true },
  );
};
