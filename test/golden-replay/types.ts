/** One recorded call of a strategy or a function of a stage. */
export interface Vector {
  readonly stage: string;
  readonly slot: string;
  readonly strategy: string;
  readonly call: string;
  readonly config?: Record<string, unknown>;
  readonly constructor_?: Record<string, unknown>;
  readonly input: unknown;
  readonly output: unknown;
}
/** Where ours differs on purpose. A predicate, so that it covers recordings of other names too. */
export interface Difference<T> {
  readonly rule: string;
  readonly why: string;
  covers(recording: T): boolean;
}
/** How a stage's vectors are replayed. `undefined` as the answer of `replay`: this function does not exist here; a difference must cover it. */
export interface VectorReplay {
  readonly replay: (vector: Vector) => unknown | Promise<unknown>;
  readonly differences: readonly Difference<Vector>[];
}
