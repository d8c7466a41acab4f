/** Requests that are refused, and answers that are none. */
import type { ErrorCode } from "../../index.ts";
import type { Fault } from "../script.ts";
import { begun, type Failing, type Scenario } from "./scenario.ts";

const refused = (
  name: string,
  fault: Omit<Extract<Fault, { kind: "status" }>, "kind">,
  code: ErrorCode,
  more: Partial<Failing> = {},
): Scenario => ({
  name,
  script: [{ fault: { kind: "status", ...fault } }],
  events: [],
  fails: { code, status: fault.status, ...more },
});
const credentials = (name: string, status: number): Scenario => ({
  ...refused(name, { status }, "exec.api.auth.invalid_key"),
  having: { own_codes: { fails: { code: "exec.cli.auth_failed", status } } },
});
const wrong = (name: string, status: number): Scenario => {
  const again = Array.from({ length: 5 }, () => ({ fault: { kind: "status", status } as const }));
  return { ...refused(name, { status }, "exec.api.bad_request"), having: { goes_on: { script: again, spare: true } } };
};
const broken = (name: string, fault: Fault, fails: Failing, begins = false): Scenario => ({
  name,
  script: [{ text: "I was about to say something long.", chunk_size: 1, fault }],
  events: begins ? begun("I was about to say something long.") : [],
  fails,
});

const slow: ErrorCode = "exec.api.rate_limited";
const down: ErrorCode = "exec.api.server_error";

export const FAILURES: readonly Scenario[] = [
  credentials("401: a wrong key", 401),
  credentials("403: a key that may not", 403),
  wrong("404: an unknown model", 404),
  {
    ...refused("429: wait a while", { status: 429, retry_after: 7 }, slow, { retryAfter: 7 }),
    having: { no_waiting_time: { fails: { code: slow, status: 429 } } },
  },
  refused("429: without a word of when", { status: 429 }, slow),
  refused("500: the server failed", { status: 500 }, down),
  refused("503: the server is not there", { status: 503 }, down),
  refused("529: the server is overloaded", { status: 529 }, down),
  wrong("400: a request that is wrong", 400),
  refused("413: a request that is too large", { status: 413 }, "exec.api.token_limit"),
  {
    ...broken("a page in place of an answer", { kind: "non_json_200" }, { code: "exec.api.unknown", status: 200 }),
    having: { own_reading: { fails: { code: "exec.api.stream_incomplete" } } },
  },
  {
    ...refused("a redirect", { status: 302, headers: { location: "https://elsewhere.invalid/" } }, "exec.api.bad_request"),
    not: ["own_reading"],
  },
  { name: "a refused connection", script: [], nobody: true, events: [], fails: { code: "exec.api.network", status: null } },
  broken("an error before the first event", { kind: "error_event", after: 0 }, { code: down }),
  broken("an error after the first words", { kind: "error_event", after: 12 }, { code: down }, true),
  { ...broken("a failure when all is said", { kind: "failed" }, { code: down }, true), not: ["own_reading"] },
];
