import { harmless } from "../../contract/harmless.ts";
import { defineTool, type Tool } from "../../contract/tool.ts";
import { Refused, refusals, resolvePath } from "./paths.ts";
import { type Ended, runCommand } from "./process-group.ts";

const TIMEOUT = 120_000;
const LIMIT = 100_000;

export const bashTool: Tool<{ command: string; timeout?: number }> = defineTool({
  name: "Bash",
  description:
    "Runs a command with /bin/sh in the working folder and gives its output. It gets no input, and only a harmless part of the environment. " +
    "When it is ended by its timeout, everything that it started is ended too. A program that shall run on needs its output sent to a file.",
  input: {
    type: "object",
    properties: {
      command: { type: "string", description: "The command." },
      timeout: { type: "integer", minimum: 1000, maximum: 600_000, description: `Milliseconds. Default ${TIMEOUT}.` },
    },
    required: ["command"],
  },
  effect: "once",
  run: ({ command: given, timeout = TIMEOUT }, ctx) =>
    refusals(async () => {
      const command = given.trim();
      if (!command) throw new Refused("The command is empty.");
      const cwd = await resolvePath(".", ctx);
      const env = { ...harmless(process.env), PWD: cwd, ...ctx.env };
      const ended = await runCommand({ command, cwd, env, timeoutMs: timeout, limit: LIMIT, signal: ctx.signal });
      if (ended.exitCode === null)
        return { content: [`The command did not end within ${timeout} ms and was stopped.`, ...output(ended)].join("\n"), isError: true };
      const failed = ended.exitCode !== 0;
      const parts = [...output(ended), ...(failed ? [`Exit code: ${ended.exitCode}`] : [])];
      return { content: parts.join("\n") || "(no output)", isError: failed, metadata: { exit_code: ended.exitCode } };
    }),
});

const output = ({ stdout, stderr, leftOpen }: Ended): string[] => [
  ...(stdout ? [stdout] : []),
  ...(stderr ? [`STDERR:\n${stderr}`] : []),
  ...(leftOpen ? ["[Something that the command started still runs; its output was not waited for.]"] : []),
];
