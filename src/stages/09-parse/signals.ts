/** What the model says about the state of its work. */
import { fields } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

const SIGNALS = ["continue", "complete", "blocked", "error", "delegate"] as const;
export type Signal = { readonly signal: (typeof SIGNALS)[number]; readonly detail: string | null };
export type Detector = (text: string, call: Call) => Signal | undefined;

/** `[NAME]`, `[NAME: detail]`, `[NAME detail]`, in any case. Where several stand, the first in the order of the list counts. */
const MARKS = SIGNALS.map((signal) => {
  const name = signal === "complete" ? "(?:task_)?complete" : signal;
  return { signal, mark: new RegExp(`\\[${name}(?=[\\s:\\]])([^\\]]{0,2000})\\]`, "i") };
});

const byMark: Detector = (text) => {
  if (!text.includes("[")) return undefined;
  for (const { signal, mark } of MARKS) {
    const found = mark.exec(text);
    if (found) return { signal, detail: (found[1] ?? "").trim().replace(/^:/, "").trim() || null };
  }
  return undefined;
};

const byObject: Detector = (text) => {
  const whole = text.trim();
  if (!whole.startsWith("{")) return undefined;
  let value: { readonly [key: string]: unknown };
  try {
    value = JSON.parse(whole);
  } catch {
    return undefined; // text that is no JSON says nothing
  }
  const said = value.signal ?? value.status;
  const signal = typeof said === "string" ? SIGNALS.find((s) => s === said.toLowerCase()) : undefined;
  if (!signal) return undefined;
  const detail = value.detail ?? value.reason ?? null;
  return { signal, detail: detail === null || typeof detail === "string" ? detail : JSON.stringify(detail) };
};

export const detectors = {
  regex: defineStrategy<Detector>()({
    about: "A mark in the text: [COMPLETE], [TASK_COMPLETE], [BLOCKED: why], [CONTINUE: what], [ERROR: what], [DELEGATE: to whom].",
    config: fields({}),
    create: () => byMark,
  }),
  structured: defineStrategy<Detector>()({
    about: 'The whole text is a JSON object with "signal" or "status", and "detail" or "reason".',
    config: fields({}),
    create: () => byObject,
  }),
  hybrid: defineStrategy<Detector>()({
    about: "A mark in the text, else a JSON object.",
    config: fields({}),
    create: () => (text, call) => byMark(text, call) ?? byObject(text, call),
  }),
};
