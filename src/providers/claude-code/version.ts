/** The CLI's own version. */
import { start } from "./process.ts";

const LIMIT = 10_000;

/** What `--version` says. Null when it says nothing within 10 s; rejects when the program cannot be started. */
export const versionOf = async (binary: string, env: { readonly [name: string]: string }): Promise<string | null> => {
  const running = await start({ binary, args: ["--version"], env, cwd: null, input: "" });
  const timer = setTimeout(() => running.end(), LIMIT);
  let said = "";
  try {
    for await (const piece of running.stdout) if (said.length < 200) said += Buffer.from(piece).toString();
  } finally {
    clearTimeout(timer);
    await running.end();
  }
  return said.trim().split("\n")[0] || null;
};
