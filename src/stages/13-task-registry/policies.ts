/** What is done about new tasks. */

import { messageOf } from "../../contract/errors.ts";
import { fields, type Json, number } from "../../contract/schema.ts";
import type { Services } from "../../contract/services.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { within } from "../deadline.ts";
import { isOver, type TaskRecord } from "./record.ts";

/** Works on tasks that were just registered and reports each change, at once. */
export type Policy = (tasks: readonly TaskRecord[], update: (task: TaskRecord) => void, call: Call) => Promise<void>;

const fire_and_forget = defineStrategy<Policy>()({
  about: "Registers only. The host finds the tasks in the state (`tasksByStatus`) after the turn and does them in its own time.",
  config: fields({}),
  create: () => async () => {},
});

type Outcome = { readonly result: Json } | { readonly error: string } | { readonly late: true };

/** Does the tasks one after another with the host's `executeTask`; `seconds` null: however long each takes. */
const execute =
  (seconds: number | null, { host, clock, log }: Services): Policy =>
  async (tasks, update, call) => {
    const { executeTask } = host;
    if (!executeTask) return log.warn("The host has no executeTask: new tasks stay pending.", { tasks: tasks.map((t) => t.task_id) });
    const now = () => new Date(clock.now()).toISOString();
    for (const task of tasks.filter((t) => !isOver(t))) {
      const { task_id, kind } = task;
      const started: TaskRecord = { ...task, status: "running", started_at: now() };
      update(started);
      const outcome = await call.step(`task:${task_id}`, async (signal): Promise<Outcome> => {
        try {
          const ms = seconds === null ? null : seconds * 1000;
          const done = await within(ms, clock, signal, async (inner) => ({ result: await executeTask(task, { ...call, signal: inner }) }));
          return done ?? { late: true };
        } catch (error) {
          signal.throwIfAborted();
          return { error: messageOf(error) };
        }
      });
      if ("late" in outcome) call.emit("task.timeout", { task_id, kind, timeout_seconds: seconds });
      else if ("error" in outcome) {
        update({ ...started, status: "failed", completed_at: now(), error: outcome.error });
        call.emit("task.failed", { task_id, kind, error: outcome.error });
      } else {
        update({ ...started, status: "done", completed_at: now(), result: outcome.result ?? null });
        call.emit("task.done", { task_id, kind });
      }
    }
  };

const eager_wait = defineStrategy<Policy>()({
  about: "Does each task now, with the host's `executeTask`, and waits for it.",
  config: fields({}),
  create: (_config, services) => execute(null, services),
});

const timed_wait = defineStrategy<Policy>()({
  about:
    "Does each task now and waits so long at most. One that takes longer is told to stop and stays `running`: the host may take it up.",
  config: fields({ timeout_seconds: number({ about: "seconds that each task has, more than 0", default: 30 }) }),
  create: ({ timeout_seconds }, services) => {
    if (timeout_seconds <= 0) throw new RangeError("timeout_seconds must be more than 0");
    return execute(timeout_seconds, services);
  },
});

export const policies = { fire_and_forget, eager_wait, timed_wait };
