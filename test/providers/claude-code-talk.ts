/** A program that talks as `claude` does: it reads its input line by line, asks its host, and reaches its MCP servers. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Value = Record<string, unknown>;
export interface Talk {
  readonly argv: readonly string[];
  say(line: object): void;
  /** The next line of the input; null at its end. */
  next(): Promise<Value | null>;
  /** Asks the host, and gives what it answers. */
  ask(id: string, request: object): Promise<Value>;
  /** What the files of `--mcp-config` hold, and their modes. */
  configs(): { readonly config: Value; readonly mode: number }[];
  /** A message to the server of that name; status and answer. */
  post(server: string, message: unknown, headers?: Record<string, string>): Promise<{ status: number; answer: Value | null }>;
}

/** Runs `talk` in a process of its own: it may use nothing that stands outside of it. The file `asked` has a line for each start. */
export const talkingClaude = async (talk: (talk: Talk) => Promise<void>, version = "2.1.330 (Claude Code)") => {
  const folder = await mkdtemp(join(tmpdir(), "fake-claude-"));
  const path = join(folder, "claude");
  const asked = join(folder, "asked");
  await writeFile(path, `#!${process.execPath}\n(${main})(${talk}, ${JSON.stringify(version)}, ${JSON.stringify(asked)})\n`);
  await chmod(path, 0o755);
  return { path, folder, asked, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
};

/** Stands in the program's file as it is written here. */
const main = async (talk: (talk: Talk) => Promise<void>, version: string, asked: string): Promise<void> => {
  const argv = process.argv.slice(2);
  const fs = await import("node:fs");
  if (argv[0] === "--version") {
    fs.appendFileSync(asked, "version\n");
    console.log(version);
    return;
  }
  fs.appendFileSync(asked, `start ${process.pid}\n`);
  const input = (await import("node:readline")).createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const say = (line: object) => fs.writeSync(1, `${JSON.stringify(line)}\n`);
  const next = async () => {
    const { value, done } = await input.next();
    return done ? null : JSON.parse(value);
  };
  const configs = () => {
    const from = argv.indexOf("--mcp-config") + 1;
    if (from === 0) return [];
    const rest = argv.slice(from);
    const to = rest.findIndex((arg) => arg.startsWith("--"));
    return rest
      .slice(0, to < 0 ? rest.length : to)
      .map((file) => ({ config: JSON.parse(fs.readFileSync(file, "utf8")), mode: fs.statSync(file).mode & 0o777 }));
  };
  const ask = async (request_id: string, request: object) => {
    say({ type: "control_request", request_id, request });
    for (let line = await next(); line; line = await next()) if (line.response?.request_id === request_id) return line.response;
    throw new Error("no answer came");
  };
  const post = async (server: string, message: unknown, headers: Record<string, string> = {}) => {
    const { url, headers: own } = configs()[0]?.config.mcpServers[server] ?? {};
    const body = typeof message === "string" ? message : JSON.stringify(message);
    const response = await fetch(url, { method: "POST", body, headers: { "content-type": "application/json", ...own, ...headers } });
    const words = await response.text();
    return { status: response.status, answer: words ? JSON.parse(words) : null };
  };
  await talk({ argv, say, next, ask, configs, post });
  process.exit(0);
};
