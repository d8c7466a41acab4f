/** What a document that comes from elsewhere must keep to before anything of it is read: size, depth, counts, programs. */

import type { Finding } from "../contract/errors.ts";
import { type FindingCode, finding } from "../contract/findings.ts";
import type { Json, JsonObject } from "../contract/schema.ts";
import { isObject, listOf, objectOf } from "./json.ts";

export const IMPORT_LIMITS = {
  bytes: 10 * 1024 * 1024,
  depth: 64,
  stages: 32,
  adhocTools: 100,
  mcpServers: 20,
  scriptCharacters: 10_000,
} as const;

const error = (code: FindingCode, path: string, message: string): Finding => finding(code, path, message);

/** Findings on a JSON text as such: its bytes, and how deep its brackets go. */
export const textFindings = (text: string): Finding[] => {
  const bytes = Buffer.byteLength(text);
  if (bytes > IMPORT_LIMITS.bytes) return [error("import.too_large", "", `has ${bytes} bytes; at most ${IMPORT_LIMITS.bytes} are read`)];
  return depthOf(text) > IMPORT_LIMITS.depth ? [error("import.too_deep", "", `is nested deeper than ${IMPORT_LIMITS.depth} levels`)] : [];
};

const depthOf = (text: string): number => {
  let [depth, most] = [0, 0];
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inText) {
      if (c === 0x5c) i += 1;
      else if (c === 0x22) inText = false;
    } else if (c === 0x22) inText = true;
    else if (c === 0x5b || c === 0x7b) most = Math.max(most, ++depth);
    else if (c === 0x5d || c === 0x7d) depth -= 1;
  }
  return most;
};

/** Findings on what a document would bring in. They guard against accidents; a program that was not named here is not thereby safe. */
export const importFindings = (document: JsonObject): Finding[] => {
  const tools = objectOf(document.tools);
  const adhoc = listOf(tools.adhoc);
  const servers = listOf(tools.mcp_servers);
  const counts: readonly (readonly [path: string, count: number, most: number])[] = [
    ["stages", listOf(document.stages).length, IMPORT_LIMITS.stages],
    ["tools.adhoc", adhoc.length, IMPORT_LIMITS.adhocTools],
    ["tools.mcp_servers", servers.length, IMPORT_LIMITS.mcpServers],
  ];
  return [
    ...counts.flatMap(([path, count, most]) =>
      count > most ? [error("import.too_many", path, `has ${count} entries; at most ${most} are taken`)] : [],
    ),
    ...adhoc.flatMap((tool, i) => scriptFindings(tool, `tools.adhoc[${i}].script_config.code`)),
    ...servers.flatMap((server, i) => programFindings(server, `tools.mcp_servers[${i}].command`)),
    ...listOf(document.subagents).flatMap((agent, i) =>
      importFindings(objectOf(objectOf(agent).manifest)).map((f) => ({ ...f, path: `subagents[${i}].manifest.${f.path}` })),
    ),
  ];
};

const scriptFindings = (tool: Json, path: string): Finding[] => {
  const script = isObject(tool) && isObject(tool.script_config) ? tool.script_config.code : undefined;
  const most = IMPORT_LIMITS.scriptCharacters;
  return typeof script === "string" && script.length > most
    ? [error("import.script_too_long", path, `has ${script.length} characters; at most ${most} are taken`)]
    : [];
};

const REFUSED: readonly string[] = ["dd", "del", "fdisk", "format", "kill", "mkfs", "reboot", "rm", "rmdir", "shutdown"];
/** Programs that run another one, which they are given. */
const RUNNERS: readonly string[] = [
  ...["ash", "bash", "busybox", "chroot", "cmd", "dash", "doas", "env", "fish", "ionice", "ksh", "nice", "nohup", "powershell", "pwsh"],
  ...["setsid", "sh", "stdbuf", "sudo", "taskset", "time", "timeout", "toybox", "watch", "wsl", "xargs", "zsh"],
];
/** Transports that start no program. */
const REMOTE: readonly string[] = ["http", "sse", "streamable-http", "streamable_http"];
const programOf = (word: string): string =>
  (word.split(/[/\\]/).findLast((part) => part !== "") ?? "").toLowerCase().replace(/\.(exe|com|cmd|bat)$/, "");

/** A server that is started must not be a program that destroys. */
const programFindings = (server: Json, path: string): Finding[] => {
  if (!isObject(server) || typeof server.command !== "string" || REMOTE.includes(String(server.transport).toLowerCase())) return [];
  const words = [server.command, ...listOf(server.args)].flatMap((part) => (typeof part === "string" ? part.split(/[\s"'`;&|()]+/) : []));
  const [first = "", ...rest] = words.filter((word) => word !== "").map(programOf);
  const program = [first, ...(RUNNERS.includes(first) ? rest : [])].find((name) => REFUSED.includes(name) || /^mkfs\./.test(name));
  return program === undefined ? [] : [error("import.dangerous_command", path, `would run "${program}": start the server some other way`)];
};
