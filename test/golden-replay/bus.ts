/** `bus.json`: which handlers get an event, in which order. */

import { systemClock } from "geny-executor";
import { createBus } from "../../src/engine/events.ts";
import type { Case } from "./cases.ts";
import { load } from "./data.ts";

interface BusFile {
  readonly matrix?: readonly {
    readonly patterns_in_registration_order: readonly string[];
    readonly emits: readonly { readonly type: string; readonly delivered_to_patterns_in_order: readonly string[] }[];
  }[];
  readonly dedupe?: readonly { readonly one_handler_on: readonly string[]; readonly type: string; readonly calls: number }[];
  readonly scripts?: readonly (readonly ScriptStep[])[];
}
interface ScriptStep {
  readonly op: readonly [name: string, ...args: string[]];
  readonly called?: readonly string[];
  readonly warnings?: number;
}
const ORIGIN = { runId: "r", sessionId: "" };
const quiet = () => {};
const bus = (warn: () => void = quiet) => createBus(systemClock, { debug: quiet, info: quiet, warn, error: quiet });

export const busCases = (): Case[] => {
  const file = load<BusFile>("bus.json") ?? {};
  const matrix = (file.matrix ?? []).flatMap(({ patterns_in_registration_order: patterns, emits }) =>
    emits.map(({ type, delivered_to_patterns_in_order }) => ({
      file: "bus.json",
      name: `"${type}" to ${patterns.join(" ")}`,
      expected: delivered_to_patterns_in_order,
      got() {
        const called: string[] = [];
        const mine = bus();
        for (const pattern of patterns) mine.on(pattern, () => called.push(pattern));
        mine.publish(type, "", 0, ORIGIN, {});
        return called;
      },
    })),
  );
  const dedupe = (file.dedupe ?? []).map(({ one_handler_on, type, calls }) => ({
    file: "bus.json",
    name: `one handler on ${one_handler_on.join(" ")}`,
    expected: calls,
    got() {
      let n = 0;
      const mine = bus();
      const handler = () => {
        n += 1;
      };
      for (const pattern of one_handler_on) mine.on(pattern, handler);
      mine.publish(type, "", 0, ORIGIN, {});
      return n;
    },
  }));
  const scripts = (file.scripts ?? []).map((steps, i) => ({
    file: "bus.json",
    name: `script ${i}`,
    expected: steps.flatMap(({ called, warnings }) => (called ? [{ called, warnings }] : [])),
    got: () => play(steps),
  }));
  return [...matrix, ...dedupe, ...scripts];
};

/** What `off` and `clear` did, the function that `on` gives does. */
const play = async (steps: readonly ScriptStep[]) => {
  let warnings = 0;
  let called: string[] = [];
  const mine = bus(() => {
    warnings += 1;
  });
  const ends = new Map<string, () => void>();
  const handlers = new Map<string, () => unknown>();
  const handler = (name: string, how: string | undefined) => {
    const run = () => {
      called.push(name);
      if (how === "throws") throw new Error("scripted handler");
    };
    return how === "async" ? async () => run() : run;
  };
  const out: { called: string[]; warnings: number }[] = [];
  for (const { op } of steps) {
    const [name, a = "", b = "", how] = op;
    if (name === "emit") {
      [called, warnings] = [[], 0];
      mine.publish(a, "", 0, ORIGIN, {});
      await new Promise((ok) => setImmediate(ok));
      out.push({ called, warnings });
    } else if (name === "on") {
      const known = handlers.get(a) ?? handler(a, how);
      handlers.set(a, known);
      const end = ends.get(`${a} ${b}`);
      const off = mine.on(b, known);
      ends.set(`${a} ${b}`, () => {
        // Registering the same twice and ending one leaves the other, as a list of handlers does.
        off();
        if (end) ends.set(`${a} ${b}`, end);
        else ends.delete(`${a} ${b}`);
      });
    } else if (name === "clear") for (const end of [...ends.values()]) end();
    else ends.get(`${a} ${b}`)?.();
  }
  return out;
};
