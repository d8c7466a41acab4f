/** A provider is listened to: what it says is kept, held to the rules of every stream, and joined. */
import assert from "node:assert/strict";
import { fold, type ModelEvent, type ModelRequest, type ModelResponse, type Provider } from "../../index.ts";
import type { Heard, Moment } from "./scenario.ts";

export interface Listening {
  readonly provider: Provider;
  readonly request: ModelRequest;
  /** Ends what takes too long. */
  readonly limit: AbortSignal;
  readonly aborts?: Moment | undefined;
  readonly leaves?: Moment | undefined;
  /** Resolves when the request has arrived, or nobody waits for it any more. */
  arrived(over: AbortSignal): Promise<void>;
}
export interface Listened {
  readonly events: readonly ModelEvent[];
  readonly response: ModelResponse;
  readonly finished: boolean;
  readonly error: unknown;
  /** What the abort was for. */
  readonly reason: Error;
  /** `performance.now()` of the abort, or of leaving. */
  readonly turnedAway: number | null;
}

/** Never throws what the provider throws. */
export const listen = async ({ provider, request, limit, aborts, leaves, arrived }: Listening): Promise<Listened> => {
  const stop = new AbortController();
  const over = new AbortController();
  const reason = new Error("the scenario aborts");
  const events: ModelEvent[] = [];
  const answer = fold(provider.name, request.model);
  let turnedAway: number | null = null;
  const abort = () => {
    turnedAway ??= performance.now();
    stop.abort(reason);
  };
  const outcome = (error: unknown): Listened => ({
    events,
    response: answer.response(),
    finished: answer.finished,
    error,
    reason,
    turnedAway,
  });
  try {
    if (aborts === "before") abort();
    const stream = provider.stream(request, { signal: AbortSignal.any([stop.signal, limit]) });
    if (aborts === "asked") arrived(over.signal).then(abort, abort);
    for await (const event of stream) {
      events.push(event);
      answer.add(event);
      if (isMoment(event, aborts)) abort();
      if (!isMoment(event, leaves)) continue;
      turnedAway = performance.now();
      break;
    }
    return outcome(undefined);
  } catch (error) {
    return outcome(error);
  } finally {
    over.abort();
  }
};

const isMoment = ({ type }: ModelEvent, moment: Moment | undefined): boolean => {
  if (moment === "arguments") return type === "tool_call_delta" || type === "tool_call";
  return type === moment;
};

/** What holds of every stream, whatever was asked. */
export const obeysRules = (events: readonly ModelEvent[], { finished }: Pick<Listened, "finished">): void => {
  const said = events.filter(({ type }) => type !== "notice" && type !== "failover");
  assert.equal(said.filter(({ type }) => type === "start").length, said.length ? 1 : 0, "an answer starts once");
  assert(!said.length || said[0]?.type === "start", "an answer's first event is its start");
  assert.equal(
    said.findIndex(({ type }) => type === "finish"),
    finished ? said.length - 1 : -1,
    "finish is the last event, and comes once",
  );
  let highest = -1;
  for (const event of said) {
    if (!("index" in event)) continue;
    assert(event.index >= highest, `block ${event.index} goes on after block ${highest} has begun`);
    highest = event.index;
  }
  const begun = said.filter((event) => event.type === "tool_call_start");
  assert.equal(new Set(begun.map(({ id }) => id)).size, begun.length, "every call has an id of its own");
  for (const made of said.filter((event) => event.type === "tool_call")) {
    const opened = begun.find(({ index }) => index === made.index);
    assert(made.id, "a call has an id");
    assert.deepEqual([opened?.id, opened?.name], [made.id, made.name], "a call is the one that was begun");
  }
  for (const event of said)
    if (event.type === "usage")
      for (const tokens of [event.usage.input_tokens, event.usage.output_tokens])
        assert(Number.isInteger(tokens) && tokens >= 0, `${tokens} is no number of tokens`);
};

/** The events with their pieces joined. Of the counts only the last stand, before the end; a broken answer has none. */
export const joined = (events: readonly ModelEvent[]): readonly Heard[] => {
  const heard: Heard[] = [];
  let at = -1;
  const grow = (type: "text" | "thinking", index: number, words: string) => {
    const last = heard.at(-1);
    if (at === index && last?.type === type) heard[heard.length - 1] = { type, text: last.text + words };
    else if (words) heard.push({ type, text: words });
    if (words) at = index;
  };
  for (const event of events) {
    const last = heard.at(-1);
    switch (event.type) {
      case "start":
        heard.push({ type: "start" });
        break;
      case "text":
      case "thinking":
        grow(event.type, event.index, event.text);
        break;
      case "tool_call_start":
        heard.push({ type: "tool_call_start", name: event.name });
        break;
      case "tool_call_delta":
        if (last?.type === "tool_call_delta") heard[heard.length - 1] = { type: "tool_call_delta", json: last.json + event.json };
        else heard.push({ type: "tool_call_delta", json: event.json });
        break;
      case "tool_call":
        // Some wires send the arguments of a call that has none, and some do not.
        if (last?.type === "tool_call_delta" && last.json.trim() === "{}") heard.pop();
        heard.push({ type: "tool_call", name: event.name, input: event.input, ...(event.unparsed && { unparsed: true }) });
        break;
      case "finish": {
        const { stopReason, stopSequence } = event;
        if (events.some(({ type }) => type === "usage")) heard.push({ type: "usage" });
        heard.push({ type: "finish", stopReason, ...(stopSequence && { stopSequence }) });
      }
    }
  }
  return heard;
};

/** The same of a wire on which calls come whole, or of an answer that was not streamed. */
export const withoutPieces = (heard: readonly Heard[]): readonly Heard[] => heard.filter(({ type }) => type !== "tool_call_delta");
