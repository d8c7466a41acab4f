/** What was heard and sent, against what the scenario says. Everything here throws an `AssertionError` that says what differs. */
import assert from "node:assert/strict";
import { APIError, type ContentBlock, type ModelEvent } from "../../index.ts";
import { joined, type Listened, withoutPieces } from "./hear.ts";
import type { Peer, Playing } from "./play.ts";
import type { Failing, Heard, Scenario } from "./scenario.ts";

type Wire = Pick<Playing, "wholeCalls" | "earlyStart">;

export const judge = (scenario: Scenario, { events, error, reason, response }: Listened, wire: Wire): void => {
  const { fails, aborts, leaves, usage } = scenario;
  const tooEarly = aborts !== undefined && aborts !== "finish";
  if (fails) judgeFailure(fails, error);
  else if (tooEarly) assert.equal(error, reason, "an abort throws the signal's reason");
  else if (error !== undefined) throw error;
  const heard = joined(events);
  const all = onWire(scenario, wire);
  const expected = scenario.begins ? all.slice(0, heard.length) : all;
  if (fails || tooEarly || leaves) assert.deepEqual(heard.map(endedAs(expected)), expected);
  else assert.deepEqual(heard, expected);
  if (usage) {
    const counted = Object.keys(usage).map((key) => [key, response.usage[key as keyof typeof response.usage]]);
    assert.deepEqual(Object.fromEntries(counted), usage);
  }
};

const onWire = ({ events, aborts }: Scenario, { wholeCalls, earlyStart }: Wire): readonly Heard[] => {
  const all = wholeCalls ? withoutPieces(events) : events;
  return earlyStart && !all.length && aborts !== "before" ? [{ type: "start" }] : all;
};

/** The last piece of an answer that broke off may be the beginning of what was to come; it is then taken for all of it. */
const endedAs =
  (expected: readonly Heard[]) =>
  (one: Heard, i: number, all: readonly Heard[]): Heard => {
    const whole = expected[i];
    if (i < all.length - 1 || whole?.type !== one.type) return one;
    if ("text" in one && "text" in whole) return whole.text.startsWith(one.text) ? whole : one;
    if ("json" in one && "json" in whole) return whole.json.startsWith(one.json) ? whole : one;
    return one;
  };

const judgeFailure = ({ code, status, retryAfter }: Failing, error: unknown): void => {
  assert(error !== undefined, `it did not fail, but should with ${code}`);
  assert(error instanceof APIError, `it failed with what is no APIError: ${String(error)}`);
  assert([code].flat().includes(error.code), `it failed with ${error.code}, and not with ${code}: ${error.message}`);
  if (status !== undefined) assert.equal(error.status, status, "the status of the failure");
  if (retryAfter !== undefined) assert.equal(error.retryAfter, retryAfter, "seconds to wait");
};

export const judgeWhole = (streamed: Listened, whole: Listened): void => {
  if (whole.error !== undefined) throw whole.error;
  assert.deepEqual(withoutPieces(joined(whole.events)), withoutPieces(joined(streamed.events)), "not streamed, it says something else");
  assert.deepEqual(whole.response.content.map(unnamed), streamed.response.content.map(unnamed), "not streamed, its content is another");
};

/** Ids are new with every request, and stand in a vendor's own blocks too. */
const unnamed = (block: ContentBlock): unknown => {
  if (block.type === "opaque") return block.type;
  return block.type === "tool_use" ? { ...block, id: "" } : block;
};

type Notice = Extract<ModelEvent, { readonly type: "notice" }>;

export const judgeRequests = (scenario: Scenario, heard: readonly Listened[], peer: Peer): void => {
  const { sends = [], sendsOrTells = {}, sendsLast, script, aborts } = scenario;
  const bodies = peer.requests.flatMap(({ body }) => (body === undefined ? [] : [typeof body === "string" ? body : JSON.stringify(body)]));
  if (aborts === "before") assert.equal(peer.requests.length, 0, "something was asked after the abort");
  const notices = heard.flatMap(({ events }) => events.filter((event) => event.type === "notice"));
  judgeNotices(
    notices,
    script.some(({ fault }) => fault?.kind === "splice"),
  );
  const last = bodies.at(-1) ?? "";
  for (const text of sends) assert(last.includes(written(text)), `the request does not hold ${JSON.stringify(text)}`);
  for (const [field, text] of Object.entries(sendsOrTells)) {
    const held = bodies.length > 0 && bodies.every((body) => body.includes(written(text)));
    const told = notices.some(({ data }) => data.field === field);
    assert(held || told, `${field} is neither in the request nor told of`);
  }
  if (!sendsLast) return;
  const at = last.lastIndexOf(written(sendsLast));
  for (const text of sends)
    assert(last.lastIndexOf(written(text)) < at, `${JSON.stringify(sendsLast)} comes before ${JSON.stringify(text)}`);
  assert(last.lastIndexOf('"cache_control"') < at, `${JSON.stringify(sendsLast)} comes before a cache mark`);
};

/** Of each field and kind one, however often it was asked. */
const judgeNotices = (notices: readonly Notice[], foreign: boolean): void => {
  const told = notices.map(({ notice, data }) => `${notice} ${String(data.field ?? data.tool ?? data.unknown_type)}`);
  const twice = told.find((one, i) => told.indexOf(one) !== i);
  assert.equal(twice, undefined, `${twice} is told twice`);
  if (!foreign)
    assert.equal(
      told.find((one) => one.startsWith("unknown_wire_shape")),
      undefined,
      "the peer's own wire is not understood",
    );
};

/** As it stands in JSON. */
const written = (text: string): string => JSON.stringify(text).slice(1, -1);
