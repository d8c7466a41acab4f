import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { builtinTools } from "geny-executor/tools";
import { dispatcherOf, textOfOutcome } from "./making.ts";
import { temporary } from "./recording.ts";

const bash = async (env: { readonly [name: string]: string } = {}) => {
  const root = await temporary();
  const { ask } = dispatcherOf(builtinTools({ names: ["Bash"] }), { workingDir: root, env });
  return {
    root,
    run: (command: string, timeout?: number, signal?: AbortSignal) =>
      ask("Bash", { input: { command, ...(timeout ? { timeout } : {}) }, ...(signal ? { signal } : {}) }),
  };
};

/** Running, and not only waiting to be forgotten by its parent. */
const alive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};
const gone = async (pids: readonly number[], ms: number): Promise<boolean> => {
  for (let waited = 0; waited < ms; waited += 25) {
    if (!pids.some(alive)) return true;
    await wait(25);
  }
  return !pids.some(alive);
};
const pidsIn = async (path: string): Promise<number[]> => {
  for (let i = 0; i < 100; i++) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.trim().split("\n").length >= 2) return text.trim().split("\n").map(Number);
    await wait(20);
  }
  throw new Error("the processes did not start");
};

test("a time-out killed only the shell: now what it started is gone too", async () => {
  const { root, run } = await bash();
  const outcome = await run("echo begun; (sleep 60 & echo $! > pids; echo $$ >> pids; wait)", 1000);
  assert.ok(outcome.isError);
  assert.match(textOfOutcome(outcome), /1000[\s\S]*begun/);
  const pids = await pidsIn(join(root, "pids"));
  assert.ok(await gone(pids, 3000));
});

test("an abort rejects at once and ends the whole group, also one that ignores SIGTERM", async () => {
  const { root, run } = await bash();
  const controller = new AbortController();
  const waiting = run(
    "trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$ >> pids; sleep 60; sleep 60\" & echo $$ >> pids; sleep 60; sleep 60",
    undefined,
    controller.signal,
  );
  waiting.catch(() => {});
  const pids = await pidsIn(join(root, "pids"));
  const from = performance.now();
  controller.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
  assert.ok(performance.now() - from < 500);
  assert.ok(pids.length === 2 && (await gone(pids, 4000)));
});

test("a command whose background process keeps the output open does not wait for it", async () => {
  const { root, run } = await bash();
  const from = performance.now();
  const outcome = await run("sleep 30 & echo $! > pids; echo $! >> pids; echo done");
  assert.ok(performance.now() - from < 5000);
  assert.match(textOfOutcome(outcome), /^done\n[\s\S]*still runs/);
  for (const pid of new Set(await pidsIn(join(root, "pids")))) process.kill(pid, "SIGKILL");
});

test("commands inherited every secret: they get harmless variables and the host's own ones", async () => {
  process.env.GENY_TEST_SECRET = "s3cret";
  const { root, run } = await bash({ MINE: "given" });
  const said = textOfOutcome(await run("env"));
  delete process.env.GENY_TEST_SECRET;
  assert.ok(!said.includes("s3cret"));
  assert.ok(said.includes("MINE=given") && said.includes("PATH=") && said.includes(`PWD=${root}`));
  const names = said
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0] ?? "");
  const known = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TERM",
    "COLORTERM",
    "TMPDIR",
    "TZ",
    "HOSTNAME",
    "EDITOR",
    "PAGER",
    "PWD",
    "OLDPWD",
    "MINE",
    "_",
    "SHLVL",
  ];
  assert.deepEqual(
    names.filter((name) => !known.includes(name) && !name.startsWith("LC_")),
    [],
  );
});

test("of too long an output head and tail are kept, of each stream", async () => {
  const { run } = await bash();
  const said = textOfOutcome(await run("seq 1 100000; seq 1 100000 >&2; echo the error is here >&2; exit 1"));
  assert.ok(said.startsWith("1\n2\n") && said.includes("left out") && said.includes("the error is here"));
  assert.ok(said.length > 190_000 || said.includes("characters left out"));
});

test("a folder that is gone, and a shell that cannot start, are answers", async () => {
  const { ask } = dispatcherOf(builtinTools({ names: ["Bash"] }), { workingDir: "/nowhere/at/all" });
  assert.ok((await ask("Bash", { input: { command: "true" } })).isError);
});
