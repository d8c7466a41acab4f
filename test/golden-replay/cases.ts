/** One thing that a model file says, and what ours says to it. */
export interface Case {
  /** "state.json" */
  readonly file: string;
  /** What of the file: stable, and good enough to find it. */
  readonly name: string;
  readonly expected: unknown;
  got(): unknown;
}
