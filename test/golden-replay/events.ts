/** Compares two sequences of events as the recordings' README says. */
import type { RunDifference } from "./differences.ts";
import { differ, type Mismatch } from "./match.ts";
import type { Event, Recording } from "./recording.ts";

/** Stages that 2.1.0 runs again in every pass, and ours refreshes. */
const SETUP = new Set(["context", "system", "guard", "cache"]);
const TERMINAL = new Set(["pipeline.complete", "pipeline.error", "pipeline.cancelled"]);

/** Of one call: without what the setup stages say after the first pass, and without what comes between a failure and the end. */
const essential = (events: readonly Event[]): Event[] => {
  const loop = events.findIndex((e) => e.stage === "api");
  const failed =
    events.at(-1)?.type === "pipeline.complete" ? -1 : events.findLastIndex((e) => e.type === "stage.error" && !e.data.recovered);
  return events.filter(
    (e, i) =>
      !(loop >= 0 && i > loop && SETUP.has(e.stage) && e.type !== "stage.error") && !(failed >= 0 && i > failed && !TERMINAL.has(e.type)),
  );
};

/** `used` gets the rules whose say made a difference. `end`: from this recorded event on nothing is compared. */
export const compareEvents = (
  { events: recorded, scenario }: Recording,
  ours: readonly Event[],
  known: ReadonlySet<string>,
  rules: readonly RunDifference[],
  used: Set<RunDifference>,
  end: Event | undefined,
): Mismatch[] => {
  const left = (e: Event) => {
    const leaving = rules.filter((rule) => rule.events?.includes(e.type));
    for (const rule of leaving) used.add(rule);
    return leaving.length > 0;
  };
  return scenario.calls.flatMap((_, call) => {
    if (end && call > end.call) return [];
    const want = essential(recorded.filter((e) => e.call === call)).filter((e) => !left(e));
    const have = essential(ours.filter((e) => e.call === call)).filter((e) => known.has(e.type) && !left(e));
    const stop = end ? want.indexOf(end) : -1;
    return stop < 0 ? compareCall(want, have, call) : compareCall(want.slice(0, stop), have.slice(0, stop), call);
  });
};

const compareCall = (want: readonly Event[], have: readonly Event[], call: number): Mismatch[] => {
  const found: Mismatch[] = [];
  for (let i = 0; i < Math.max(want.length, have.length); i++) {
    const [a, b] = [want[i], have[i]];
    if (!a || !b || a.type !== b.type || a.stage !== b.stage) {
      found.push({ path: `events[${i}].order`, expected: `call ${call}: ${around(want, i)}`, got: around(have, i) });
      return found;
    }
    const path = `events[${i}].${a.type}`;
    found.push(
      ...differ(a.iteration, b.iteration, `${path}.iteration`),
      ...differ(a.data, b.data, `${path}.data`, { open: [`events.${a.type}.data`] }),
    );
  }
  return found;
};
const around = (events: readonly Event[], at: number): string =>
  `${at > 2 ? "… " : ""}${events
    .slice(Math.max(0, at - 2), at + 3)
    .map((e) => `${e.type}${e.stage ? `@${e.stage}` : ""}`)
    .join(" → ")}`;
