/**
 * The real program against the offline model. It is looked for in node_modules/.bin and in CLAUDE_BIN; it is proprietary, so never a
 * dependency: `npm i --no-save @anthropic-ai/claude-code@2.1.330 && node node_modules/@anthropic-ai/claude-code/install.cjs`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ClaudeCodeOptions } from "geny-executor/providers";
import { type OfflineModel, type Script, startModel } from "geny-executor/testing";

const HERE = join(import.meta.dirname, "../../node_modules/.bin/claude");
/** A package whose install script did not run has a stub in the program's place. */
const works = (path: string) => existsSync(path) && spawnSync(path, ["--version"], { timeout: 20_000 }).status === 0;
/** The real program; undefined: it is not here. */
export const binary = [process.env.CLAUDE_BIN ?? "", HERE].find((path) => path && works(path));
const waived = !process.env.CI || Boolean(process.env.GENY_SKIP_CLAUDE);
const skip = binary || !waived ? false : "no `claude` in node_modules/.bin or CLAUDE_BIN";

export interface World extends AsyncDisposable {
  readonly model: OfflineModel;
  readonly home: string;
  readonly options: ClaudeCodeOptions;
}
/** A program at a folder of its own, that asks whoever is at the address. */
export const optionsOf = (
  binaryPath: string,
  home: string,
  baseUrl: string,
  extras: ClaudeCodeOptions["extras"] = {},
): ClaudeCodeOptions => ({
  ...{ binaryPath, apiKey: "sk-ant-SECRET-key", baseUrl, env: { PATH: process.env.PATH, HOME: home } },
  extras: {
    ...{ workspace_dir: home, ...extras },
    env_extras: { CLAUDE_CONFIG_DIR: join(home, "config"), CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" },
  },
});
export const world = async (script: Script, extras: ClaudeCodeOptions["extras"] = {}): Promise<World> => {
  assert(binary, "there is no `claude` program: install it, set CLAUDE_BIN, or set GENY_SKIP_CLAUDE");
  const model = await startModel({ script });
  const home = await mkdtemp(join(tmpdir(), "claude-home-"));
  return {
    model,
    home,
    options: optionsOf(binary, home, model.url, extras),
    async [Symbol.asyncDispose]() {
      await model.close();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};
export const real = (name: string, run: (t: TestContext) => Promise<void>) => test(name, { skip }, run);
export const asked = (model: OfflineModel) =>
  model.requests.filter(({ body }) => body).map(({ body }) => body as { readonly [key: string]: unknown });

/** Processes whose command line or environment names the folder. */
export const within = (folder: string): readonly string[] =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const seen = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8")).join();
      return seen.includes(folder);
    } catch {
      return false; // it is gone, or another user's
    }
  });
