/**
 * A small MCP server for tests, over its input and output: `node little-server.ts PIDFILE [extra words]`. It writes its pid, and that of a process
 * that it starts, one a line. Words: "orphan" starts one that ignores the end of its input; "refuse" ends at once.
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { littleTools } from "./little-tools.ts";

const [, , pids = "", ...words] = process.argv;
appendFileSync(pids, `${process.pid}\n`);
if (words.includes("orphan")) {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  appendFileSync(pids, `${child.pid}\n`);
}
if (words.includes("refuse")) {
  console.error(`no licence; the key is ${process.env.LITTLE_KEY}`);
  process.exit(3);
}
if (words.includes("silent")) setInterval(() => {}, 1000);
else serveStdio(littleTools);
