/** What a document that is kept has beside its settings: an id, and times in the form that the Python program writes. */

/** A new id: `env_` and 8 hexadecimal digits. */
export const newEnvironmentId = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return `env_${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
};

/** Epoch milliseconds as ISO 8601 in UTC, with microseconds: `2030-01-01T00:00:00.000000+00:00`. */
export const timestamp = (ms: number): string => new Date(ms).toISOString().replace("Z", "000+00:00");
