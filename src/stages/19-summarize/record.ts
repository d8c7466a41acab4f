/** What is kept of a turn in a few lines. */
const GRADES = ["low", "medium", "high", "critical"] as const;
export type Grade = (typeof GRADES)[number];

export type SummaryRecord = {
  /** `SESSION:TURN`, turns counted from 0; "session" for a run without a session id. */
  readonly turn_id: string;
  readonly abstract: string;
  readonly key_facts: readonly string[];
  readonly entities: readonly string[];
  readonly tags: readonly string[];
  readonly importance: Grade;
  /** ISO 8601, UTC. */
  readonly created_at: string;
};

/** Throws when the word, which the config has under `key`, is none. */
export const gradeOf = (word: string, key: string): Grade => {
  const grade = GRADES.find((g) => g === word.toLowerCase());
  if (!grade) throw new Error(`${key} must be one of ${GRADES.join(", ")}, not "${word}"`);
  return grade;
};
