/** One bus for a pipeline: a bounded ring of what happened, handlers by pattern, and taps that read it as a stream. */
import type { PipelineEvent } from "../contract/events.ts";
import type { JsonObject } from "../contract/schema.ts";
import type { Clock, Logger } from "../contract/services.ts";

export type Handler = (event: PipelineEvent) => unknown;
export interface Tap extends AsyncIterableIterator<PipelineEvent> {
  /** No more events are taken; those waiting can still be read. */
  close(): void;
}
/** What an iterator says when it is over. */
export type End = { readonly done: true; readonly value: undefined };
export interface Origin {
  /** Empty: the event belongs to no run. */
  readonly runId: string;
  readonly sessionId: string;
}
export interface Bus {
  publish(type: string, stage: string, iteration: number, origin: Origin, data: JsonObject): void;
  /** Exact type, `prefix.*` at any depth, or `*`. Order for one event: exact, `*`, prefixes, each as registered; a handler once an event. */
  on(pattern: string, handler: Handler): () => void;
  /**
   * A stream of events. `replayFrom`: first those still in the ring with a greater `seq`. Memory stays bounded for a slow reader: waiting text
   * and thinking deltas are joined, and nothing else is lost but what the ring had dropped before, which the event `events.dropped` says.
   * `end` is asked for what a reader gets after the last event; it may reject.
   */
  tap(options?: { replayFrom?: number; runId?: string; end?: () => Promise<End> }): Tap;
  /** Ends the streams of all runs, and those that come later when they are read. That of one run ends with its run. */
  close(): void;
}

interface OpenTap {
  push(event: PipelineEvent): void;
  readonly iterator: Tap;
}
type Reader = (next: IteratorResult<PipelineEvent> | Promise<End>) => void;
const NONE: readonly OpenTap[] = [];
const OVER: End = { done: true, value: undefined };
const RING = 2048;
/** So many events may wait in a tap before neighbouring deltas are joined. */
const SLACK = 1024;
const JOINED = new Set(["text.delta", "thinking.delta"]);

export const createBus = (clock: Clock, log: Logger): Bus => {
  const ring: PipelineEvent[] = [];
  const handlers: { pattern: string; handler: Handler }[] = [];
  /** By the run that they follow; under "" those that follow all. */
  const taps = new Map<string, readonly OpenTap[]>();
  let byType = new Map<string, readonly Handler[]>();
  let seq = 0;
  let closed = false;
  let stampedAt = Number.NaN;
  let stamp = "";

  const handlersOf = (type: string): readonly Handler[] => {
    const known = byType.get(type);
    if (known) return known;
    const of = (match: (pattern: string) => boolean) => handlers.filter((h) => match(h.pattern)).map((h) => h.handler);
    const prefixed = (p: string) => p !== "*" && p.endsWith(".*") && type.startsWith(p.slice(0, -1));
    const found = [...new Set([...of((p) => p === type), ...of((p) => p === "*"), ...of(prefixed)])];
    byType.set(type, found);
    return found;
  };
  const failed = (type: string, error: unknown) => log.warn(`A handler of the event ${type} failed; the run goes on.`, error);

  const openTap = (runId: string, first: PipelineEvent[], end: () => Promise<End>): OpenTap => {
    let waiting = first;
    let batch: PipelineEvent[] = [];
    let at = 0;
    let open = true;
    /** A reader that came before its event; those behind it are rare. */
    let reader: Reader | undefined;
    const behind: Reader[] = [];
    const push = (event: PipelineEvent) => {
      const ready = reader;
      if (ready) {
        reader = behind.shift();
        return ready({ done: false, value: event });
      }
      const last = waiting.length > SLACK && JOINED.has(event.type) ? waiting[waiting.length - 1] : undefined;
      if (last?.type === event.type && last.run_id === event.run_id)
        waiting[waiting.length - 1] = { ...event, data: { text: `${last.data.text}${event.data.text}` } };
      else waiting.push(event);
    };
    const iterator: Tap = {
      next() {
        if (at === batch.length && waiting.length) {
          batch = waiting;
          waiting = [];
          at = 0;
        }
        const value = batch[at];
        if (value) {
          at += 1;
          return Promise.resolve({ done: false, value });
        }
        if (!open) return end();
        return new Promise((ok) => {
          if (reader) behind.push(ok);
          else reader = ok;
        });
      },
      async return() {
        iterator.close();
        [batch, waiting, at] = [[], [], 0];
        return OVER;
      },
      close() {
        open = false;
        const others = taps.get(runId)?.filter((other) => other !== tap);
        if (others?.length) taps.set(runId, others);
        else taps.delete(runId);
        for (const ready of reader ? [reader, ...behind.splice(0)] : []) ready(end());
        reader = undefined;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    const tap: OpenTap = { push, iterator };
    return tap;
  };

  return {
    publish(type, stage, iteration, { runId, sessionId }, data) {
      const now = clock.now();
      if (now !== stampedAt) {
        stampedAt = now;
        stamp = new Date(now).toISOString();
      }
      const event: PipelineEvent = { type, stage, iteration, seq, run_id: runId, session_id: sessionId, timestamp: stamp, data };
      ring[seq++ % RING] = event;
      if (runId) for (const tap of taps.get(runId) ?? NONE) tap.push(event);
      for (const tap of taps.get("") ?? NONE) tap.push(event);
      for (const handler of byType.get(type) ?? handlersOf(type))
        try {
          const done = handler(event);
          if (done instanceof Promise) done.catch((error) => failed(type, error));
        } catch (error) {
          failed(type, error);
        }
    },
    on(pattern, handler) {
      const entry = { pattern, handler };
      handlers.push(entry);
      byType = new Map();
      return () => {
        const i = handlers.indexOf(entry);
        if (i >= 0) handlers.splice(i, 1);
        byType = new Map();
      };
    },
    tap({ replayFrom, runId, end = async () => OVER } = {}) {
      const first: PipelineEvent[] = [];
      if (replayFrom !== undefined) {
        const oldest = Math.max(0, seq - RING);
        const from = Math.max(replayFrom + 1, 0);
        if (from < oldest) {
          const head = ring[oldest % RING] as PipelineEvent;
          first.push({ ...head, type: "events.dropped", stage: "", seq: oldest - 1, data: { from, to: oldest - 1 } });
        }
        for (let i = Math.max(from, oldest); i < seq; i++) {
          const event = ring[i % RING] as PipelineEvent;
          if (runId === undefined || event.run_id === runId) first.push(event);
        }
      }
      const tap = openTap(runId ?? "", first, end);
      taps.set(runId ?? "", [...(taps.get(runId ?? "") ?? NONE), tap]);
      if (closed && !runId) tap.iterator.close();
      return tap.iterator;
    },
    close() {
      closed = true;
      for (const tap of taps.get("") ?? NONE) tap.iterator.close();
    },
  };
};
