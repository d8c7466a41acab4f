/** A task as the state and the files know it. */
import { isObject, type Json, type JsonObject } from "../../contract/schema.ts";

export const STATUSES = ["pending", "running", "done", "failed", "cancelled"] as const;
export type TaskStatus = (typeof STATUSES)[number];
export type TaskRecord = {
  readonly task_id: string;
  readonly kind: string;
  readonly payload: JsonObject;
  readonly status: TaskStatus;
  /** ISO 8601, UTC, as the other times. */
  readonly created_at: string;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly result: Json;
  readonly error: string | null;
  /** The pass that registered it. */
  readonly iteration_seen: number;
  /** Where its output is kept, by registries that keep one. */
  readonly output_path: string | null;
};

/** Whether nothing more happens to it. */
export const isOver = ({ status }: TaskRecord): boolean => status === "done" || status === "failed" || status === "cancelled";

const textOr = <T>(value: unknown, other: T): string | T => (typeof value === "string" ? value : other);
const statusOf = (value: unknown): TaskStatus => STATUSES.find((status) => status === value) ?? "pending";

/** What a tool or a host queued, as a record; undefined when it is none. An unknown status is `pending`. */
export const asRecord = (given: unknown, now: string, iteration: number): TaskRecord | undefined => {
  if (!isObject(given)) return undefined;
  const id = given.task_id ?? given.id;
  if ((typeof id !== "string" && typeof id !== "number") || id === "") return undefined;
  return {
    task_id: String(id),
    kind: textOr(given.kind, ""),
    payload: isObject(given.payload) ? given.payload : {},
    status: statusOf(given.status),
    created_at: textOr(given.created_at, now),
    started_at: textOr(given.started_at, null),
    completed_at: textOr(given.completed_at, null),
    result: given.result ?? null,
    error: textOr(given.error, null),
    iteration_seen: typeof given.iteration_seen === "number" ? given.iteration_seen : iteration,
    output_path: textOr(given.output_path, null),
  };
};

/** A value the way the Python program prints it, so that logs of both read the same. At most 200 characters. */
export const printed = (value: Json): string => python(value).slice(0, 200);
const python = (value: Json): string => {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${quoted(key)}: ${python(inner)}`)
    .join(", ")}}`;
};
const quoted = (text: string): string => {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return inner.includes("'") && !inner.includes('"') ? `"${inner}"` : `'${inner.replaceAll("'", "\\'")}'`;
};
