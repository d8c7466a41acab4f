/** A program that plays what the `claude` of a recording said, and writes down how it was called. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type APIError, collect, type ModelEvent, type ModelRequest, type Provider } from "geny-executor";
import { type ClaudeCodeOptions, providers } from "geny-executor/providers";
import { plain as bare } from "./asking.ts";

export const never = new AbortController().signal;
export const plain: ModelRequest = { ...bare, model: "claude-sonnet-4-6" };

export interface Play {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number;
  /** Shell commands before and after what is said. */
  readonly before?: string;
  readonly after?: string;
}

export interface Fake extends AsyncDisposable {
  readonly path: string;
  readonly folder: string;
  play(play: Play): Promise<void>;
  /** How it was called last. */
  called(): Promise<Called>;
}
export interface Called {
  readonly argv: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly cwd: string;
  readonly stdin: string;
  /** What the files held that the arguments name, by argument. */
  readonly files: { readonly [path: string]: string };
}

const SCRIPT = `#!/bin/sh
d="$(dirname "$0")"
printf '%s\\0' "$@" > "$d/argv"
env -0 > "$d/env"
pwd > "$d/cwd"
: > "$d/files"
for a in "$@"; do case "$a" in */geny-claude-*) printf '%s\\0' "$a" >> "$d/files"; cat "$a" >> "$d/files"; printf '\\0' >> "$d/files";; esac; done
cat > "$d/stdin"
. "$d/before"
cat "$d/stdout"
cat "$d/stderr" >&2
. "$d/after"
exit "$(cat "$d/code")"
`;

export const fakeClaude = async (play: Play = {}): Promise<Fake> => {
  const folder = await mkdtemp(join(tmpdir(), "fake-claude-"));
  const path = join(folder, "claude");
  await writeFile(path, SCRIPT);
  await chmod(path, 0o755);
  const put = (name: string, content: string) => writeFile(join(folder, name), content);
  const get = (name: string) => readFile(join(folder, name), "utf8");
  const zeros = async (name: string) => (await get(name)).split("\0").slice(0, -1);
  const fake: Fake = {
    path,
    folder,
    async play({ stdout = "", stderr = "", code = 0, before = "", after = "" }) {
      await put("stdout", stdout);
      await put("stderr", stderr);
      await put("code", String(code));
      await put("before", before);
      await put("after", after);
    },
    async called() {
      const env = Object.fromEntries(
        (await zeros("env")).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      );
      const files = await zeros("files");
      return {
        argv: await zeros("argv"),
        env,
        cwd: (await get("cwd")).trim(),
        stdin: await get("stdin"),
        files: Object.fromEntries(files.flatMap((file, i) => (i % 2 ? [] : [[file, files[i + 1] ?? ""]]))),
      };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
  await fake.play(play);
  return fake;
};

export const providerOf = (fake: { readonly path: string }, options: ClaudeCodeOptions = {}): Promise<Provider> =>
  providers.claude_code_cli({ binaryPath: fake.path, ...options });

export const eventsOf = async (provider: Provider, request: Partial<ModelRequest> = {}, signal = never): Promise<readonly ModelEvent[]> => {
  const events: ModelEvent[] = [];
  for await (const event of provider.stream({ ...plain, ...request }, { signal })) events.push(event);
  return events;
};

export const answerOf = (provider: Provider, request: Partial<ModelRequest> = {}) =>
  collect("claude_code_cli", request.model ?? plain.model, provider.stream({ ...plain, ...request }, { signal: never }));

/** Everything that was told, and the error if it ended with one. */
export const outcomeOf = async (provider: Provider, request: Partial<ModelRequest> = {}, signal = never) => {
  const events: ModelEvent[] = [];
  try {
    for await (const event of provider.stream({ ...plain, ...request }, { signal })) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error: error as APIError };
  }
};

/** Lines of the CLI. */
export const lines = (...values: readonly object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");
export const init = { type: "system", subtype: "init", session_id: "s-1", model: "m-1", claude_code_version: "9.9.9" };
export const saying = (words: string, more: object = {}) => ({
  type: "assistant",
  message: { id: "m", content: [{ type: "text", text: words }] },
  ...more,
});
export const result = (more: object = {}) => ({ type: "result", subtype: "success", is_error: false, stop_reason: "end_turn", ...more });

/** What has ended but was not yet taken note of by its parent counts as gone. */
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};
export const pidsOf = async (folder: string, count: number): Promise<readonly number[]> => {
  for (let waited = 0; waited < 20_000; waited += 10) {
    const pids = readdirSync(folder)
      .filter((name) => name.startsWith("pid-"))
      .map((name) => Number(readFileSync(join(folder, name), "utf8")));
    if (pids.length === count && pids.every(Boolean)) return pids;
    await sleep(10);
  }
  return assert.fail("the fake did not start");
};
/** The fake, and a child of its own; both deaf to SIGTERM when stubborn. */
export const hanging = (stubborn: boolean) =>
  `${stubborn ? "trap '' TERM; " : ""}echo $$ > "$d/pid-a"; sh -c '${stubborn ? 'trap "" TERM; ' : ""}echo $$ > "$0/pid-b"; while :; do sleep 0.1; done' "$d" & while :; do sleep 0.1; done`;
/** Resolves with the milliseconds that it took. */
export const gone = async (pids: readonly number[], ms: number): Promise<number> => {
  const from = performance.now();
  while (pids.some(alive)) {
    assert(performance.now() - from < ms, `something lives after ${ms} ms`);
    await sleep(10);
  }
  return performance.now() - from;
};

/** For `before`: puts the tag that the newest message gives in the place of TAG. */
export const TAGGED = `t="$(grep -o 'is tool_call_[0-9a-f]*:' "$d/stdin" | tail -n 1 | sed 's/^is //; s/:$//')"; sed -i.bak "s/TAG/$t/g" "$d/stdout"`;
