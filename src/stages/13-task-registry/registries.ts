/** Where the session's tasks are kept. */
import { fields, int } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { isOver, type TaskRecord } from "./record.ts";

/** A store of tasks. One in a file is `load` reading it and `save` appending the lines that changed. */
export interface Registry {
  /** All tasks, oldest first. `known`: those in the session's state. */
  load(known: readonly TaskRecord[], call: Call): readonly TaskRecord[] | Promise<readonly TaskRecord[]>;
  /** Keeps the changed ones, each in the place of the one with its id, and gives those that the state is to show. Not asked when there are no tasks. */
  save(all: readonly TaskRecord[], changed: readonly TaskRecord[], call: Call): Promise<readonly TaskRecord[]>;
}

const in_memory = defineStrategy<Registry>()({
  about: "Keeps the tasks in the session's state, so they live as long as the session does.",
  config: fields({
    max_tasks: int({ about: "tasks that are kept: the oldest finished ones go first, then the oldest", min: 1, default: 500 }),
  }),
  create: ({ max_tasks }) => ({
    load: (known) => known,
    save: async (all) => {
      let over = all.length - max_tasks;
      const rest = over > 0 ? all.filter((task) => !isOver(task) || over-- <= 0) : all;
      return rest.slice(-max_tasks);
    },
  }),
});

export const registries = { in_memory };
