/** Stage 13: takes up the tasks that this turn queued, and shows all tasks of the session by their status. */
import { messageOf } from "../contract/errors.ts";
import { fields, int, number, record, text } from "../contract/schema.ts";
import { Broken, defineStage, type Patch, type StageContext } from "../contract/stage.ts";
import type { State } from "../contract/state.ts";
import { after, one } from "../contract/strategy.ts";
import { policies } from "./13-task-registry/policies.ts";
import { asRecord, isOver, printed, STATUSES, type TaskRecord } from "./13-task-registry/record.ts";
import { registries } from "./13-task-registry/registries.ts";

const taskId = text({ about: "the task" });
const kind = text({ about: "its kind" });

const config = fields({});
const slots = {
  registry: one({ about: "where tasks are kept", verb: "keeps tasks by", default: "in_memory", strategies: registries }),
  policy: one({ about: "what is done about new ones", verb: "treats tasks by", default: "fire_and_forget", strategies: policies }),
};
const events = {
  "task.registered": fields({ task_id: taskId, kind, status: text({ about: "its status" }) }),
  "task.done": fields({ task_id: taskId, kind }),
  "task.failed": fields({ task_id: taskId, kind, error: text({ about: "why" }) }),
  "task.timeout": fields({ task_id: taskId, kind, timeout_seconds: number({ about: "how long was waited" }) }),
  "task_registry.invalid_payload": fields({ payload_repr: text({ about: "what was queued, at most 200 characters" }) }),
  "task_registry.policy_error": fields({ policy: text({ about: "the policy" }), error: text({ about: "its message" }) }),
  "task_registry.synced": fields({
    new: int({ about: "tasks registered" }),
    by_status: record(int({ about: "how many" }), { about: "tasks by status" }),
    total: int({ about: "all tasks" }),
  }),
};
type Context = StageContext<typeof slots, typeof events, typeof config>;
type Write = Patch<"tasksNewThisTurn" | "tasksByStatus">;

export const taskRegistry = defineStage({
  name: "task_registry",
  about: "Registers the tasks that tools and hosts queued in `tasksNewThisTurn` and publishes all of them by status.",
  category: "orchestration",
  config,
  reads: ["tasksNewThisTurn", "tasksByStatus", "iteration"],
  writes: ["tasksNewThisTurn", "tasksByStatus"],
  slots,
  events,
  run(state, ctx) {
    const fresh = registered(state, ctx);
    return after(ctx.slots.registry.load(listed(state.tasksByStatus), ctx.call), (known) =>
      known.length || fresh.length ? worked(known, fresh, ctx) : synced([], fresh, ctx),
    );
  },
});

/** What was queued, as records; what is none is told. */
const registered = ({ tasksNewThisTurn, iteration }: Pick<State, "tasksNewThisTurn" | "iteration">, { services, emit }: Context) => {
  const now = services.clock.now();
  const fresh: TaskRecord[] = [];
  for (const given of tasksNewThisTurn) {
    const task = asRecord(given, new Date(now).toISOString(), iteration);
    if (task) fresh.push(task);
    else emit("task_registry.invalid_payload", { payload_repr: printed(given) });
  }
  for (const { task_id, kind, status } of fresh) emit("task.registered", { task_id, kind, status });
  return fresh;
};

const worked = async (known: readonly TaskRecord[], fresh: readonly TaskRecord[], ctx: Context): Promise<Write> => {
  const { emit, call } = ctx;
  const { registry, policy } = ctx.slots;
  const all = new Map([...known, ...fresh].map((task) => [task.task_id, task]));
  const changed = new Map(fresh.map((task) => [task.task_id, task]));
  const update = (task: TaskRecord) => {
    all.set(task.task_id, task);
    changed.set(task.task_id, task);
  };
  const keep = async () => {
    const shown = await registry.save([...all.values()], [...changed.values()], call);
    const ids = new Set(shown.map((task) => task.task_id));
    for (const { task_id, kind } of [...all.values()].filter((task) => !isOver(task) && !ids.has(task.task_id)))
      emit("task.failed", { task_id, kind, error: "dropped: the registry holds no more tasks" });
    return shown;
  };
  try {
    await policy(fresh, update, call);
  } catch (error) {
    if (call.signal.aborted) throw new Broken(error, patched(await keep()));
    emit("task_registry.policy_error", { policy: ctx.chosen.policy, error: messageOf(error) });
  }
  return synced(await keep(), fresh, ctx);
};

const synced = (shown: readonly TaskRecord[], fresh: readonly TaskRecord[], { emit }: Context): Write => {
  const patch = patched(shown);
  const counts = Object.entries(patch.tasksByStatus).map(([status, tasks]) => [status, tasks.length] as const);
  emit("task_registry.synced", { new: fresh.length, by_status: Object.fromEntries(counts), total: shown.length });
  return patch;
};

const patched = (shown: readonly TaskRecord[]) => ({ tasksNewThisTurn: [], tasksByStatus: byStatus(shown) });

const byStatus = (tasks: readonly TaskRecord[]): Record<string, readonly TaskRecord[]> => {
  const groups: Record<string, TaskRecord[]> = {};
  for (const status of STATUSES) {
    const some = tasks.filter((task) => task.status === status);
    if (some.length) groups[status] = some;
  }
  return groups;
};

/** The state's tasks, oldest first. What a host wrote there that is no task is left out. */
const listed = (shown: State["tasksByStatus"]): readonly TaskRecord[] =>
  Object.values(shown)
    .flatMap((tasks) => (Array.isArray(tasks) ? tasks : []))
    .flatMap((task) => asRecord(task, "", 0) ?? [])
    .sort((a, b) => (a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : 0));
