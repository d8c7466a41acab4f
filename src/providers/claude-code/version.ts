/** What the CLI says of itself. */
import { start } from "./process.ts";

const LIMIT = 10_000;
const MOST = 10_000;

/** What the program prints, 10000 characters at most; what it has printed within 10 s. Rejects when it cannot be started. */
export const saidBy = async (binary: string, args: readonly string[], env: { readonly [name: string]: string }): Promise<string> => {
  const running = await start({ binary, args, env, cwd: null });
  running.endInput();
  const timer = setTimeout(() => running.end(), LIMIT);
  let said = "";
  try {
    for await (const piece of running.stdout) if (said.length < MOST) said += Buffer.from(piece).toString();
  } finally {
    clearTimeout(timer);
    await running.end();
  }
  return said.slice(0, MOST);
};

/** What `--version` says. Null when it says nothing within 10 s; rejects when the program cannot be started. */
export const versionOf = async (binary: string, env: { readonly [name: string]: string }): Promise<string | null> =>
  (await saidBy(binary, ["--version"], env)).trim().split("\n")[0] || null;

/** From 2.0 on the CLI takes tools and asks for permission over its own input and output. An unknown version does not. */
export const speaksControl = (version: string | null): boolean => Number(/^(\d+)\.\d+/.exec(version ?? "")?.[1] ?? 0) >= 2;
