/** In which order calls run, and how many at a time. Results stand in the order of the calls in any case. */
import { fields, int } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

export interface Job {
  /** It changes nothing that another call could see, so it may run beside others. */
  readonly safe: boolean;
  /** Rejects on abort, or when the run itself is broken; a tool's failure is none. */
  run(): Promise<void>;
}
/** Runs every job once, `most` at a time at most. Starts none after an abort or a rejection, and then rejects once those that run are done. */
export type Execute = (jobs: readonly Job[], most: number, call: Call) => Promise<void>;

const together = async (jobs: readonly Job[], most: number, { signal }: Call): Promise<void> => {
  let next = 0;
  const worker = async () => {
    for (let job = jobs[next++]; job; job = jobs[next++])
      try {
        signal.throwIfAborted();
        await job.run();
      } catch (error) {
        next = jobs.length;
        throw error;
      }
  };
  const done = await Promise.allSettled(Array.from({ length: Math.min(most, jobs.length) }, worker));
  for (const end of done) if (end.status === "rejected") throw end.reason;
};

const inOrder = async (jobs: readonly Job[], { signal }: Call): Promise<void> => {
  for (const job of jobs) {
    signal.throwIfAborted();
    await job.run();
  }
};

const concurrency = (value: number) =>
  fields({
    max_concurrency: int({
      default: value,
      min: 1,
      about: "The most calls that run at a time. The smaller of this and the stage's own number counts",
    }),
  });

export const executors = {
  sequential: defineStrategy<Execute>()({
    about: "One after another, in the model's order.",
    config: fields({}),
    create: () => (jobs, _most, call) => inOrder(jobs, call),
  }),
  parallel: defineStrategy<Execute>()({
    about: "All at once, whatever they do.",
    config: concurrency(5),
    create:
      ({ max_concurrency }) =>
      (jobs, most, call) =>
        together(jobs, Math.min(most, max_concurrency), call),
  }),
  partition: defineStrategy<Execute>()({
    about: "In the model's order; calls that stand side by side and change nothing run together.",
    config: concurrency(10),
    create:
      ({ max_concurrency }) =>
      async (jobs, most, call) => {
        for (let from = 0; from < jobs.length; ) {
          let to = from + 1;
          if (jobs[from]?.safe) while (jobs[to]?.safe) to++;
          await together(jobs.slice(from, to), Math.min(most, max_concurrency), call);
          from = to;
        }
      },
  }),
  streaming: defineStrategy<Execute>()({
    about:
      "Calls that change nothing start at once; the first that does is a barrier: those after it wait until all that change something are done, one by one.",
    config: concurrency(10),
    create:
      ({ max_concurrency }) =>
      async (jobs, most, call) => {
        const barrier = jobs.findIndex((job) => !job.safe);
        const before = barrier < 0 ? jobs : jobs.slice(0, barrier);
        const rest = jobs.slice(before.length);
        const limit = Math.min(most, max_concurrency);
        await together(before, limit, call);
        await inOrder(
          rest.filter((job) => !job.safe),
          call,
        );
        await together(
          rest.filter((job) => job.safe),
          limit,
          call,
        );
      },
  }),
};
