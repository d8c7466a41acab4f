/** `geny "…"`: an agent over the current folder, all 21 stages, streaming. */
import { parseArgs } from "node:util";
import { ConfigError, GenyExecutorError, type Pipeline, PipelinePresets, type RunResult } from "../index.ts";
import { type FoundModel, findModel, NoModel } from "./model.ts";
import { jsonOutput, type Output, terminalOutput } from "./output.ts";

const HELP = `geny "TASK" — runs an agent over the current folder
geny providers — what can answer here, and what it costs
geny manifest — the pipeline as a file: new, check, describe, diff, migrate, edit

  --trace           show the 21 stages as they run: ran or bypassed and why, time, tokens, cost
  --json            print every event as one line of JSON
  --provider NAME   who answers: anthropic, openai, google, vllm, geny_claude_code, claude_code_cli, ollama, lmstudio, offline
  --model ID        the model to ask (default: one of the provider's)
  --system TEXT     the system prompt
  --max-turns N     passes of the loop at most (default: 50)
  --budget USD      US dollars that the task may cost
  --offline         use the embedded offline planner even when there is a key
  --help            this text

The task may also come from standard input. Without --provider the first of these answers: a key in the environment
(ANTHROPIC_API_KEY, OPENAI_API_KEY, GOOGLE_API_KEY), a \`claude\` that is logged in, a local Ollama or LM Studio; else an offline planner,
which is no language model, answers questions about files. Ctrl-C stops, and prints what was said and what it cost.
Exit codes: 0 done, 1 failed or not done, 2 it could not begin, 130 stopped.
`;

const PROMPT = (cwd: string) =>
  `You are an agent that works in the folder ${cwd}. Use your tools to look at the files and to do what is asked; do not guess at what a tool can tell you. Say briefly what you found or did, and what is left open.`;

/** Exit codes: 0 done, 1 failed or escalated, 2 wrong usage, 130 stopped. */
export const run = async (argv: readonly string[]): Promise<number> => {
  let options: ReturnType<typeof parse>;
  try {
    options = parse(argv);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  const { values, positionals } = options;
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const task = positionals.join(" ").trim() || (process.stdin.isTTY ? "" : await readAll(process.stdin));
  const maxTurns = Number(values["max-turns"] ?? 50);
  const budget = values.budget === undefined ? undefined : Number(values.budget);
  if (!task || !Number.isInteger(maxTurns) || maxTurns < 1 || (budget !== undefined && !(budget > 0))) {
    process.stderr.write(
      task ? `--max-turns is a whole number from 1, --budget an amount above 0.\n\n${HELP}` : `What is to be done?\n\n${HELP}`,
    );
    return 2;
  }
  const output = values.json ? jsonOutput() : terminalOutput({ trace: values.trace === true });
  const cwd = process.cwd();
  let model: FoundModel;
  try {
    model = await findModel(values);
  } catch (error) {
    if (!(error instanceof NoModel)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  await using _model = model;
  output.note(model.why);
  let pipeline: Pipeline;
  try {
    pipeline = PipelinePresets.agent({
      ...model.options,
      builtInTools: ["*"],
      systemPrompt: values.system ?? PROMPT(cwd),
      maxTurns,
      maxIterations: maxTurns,
      ...(budget === undefined ? {} : { costBudgetUsd: budget }),
      workingDir: cwd,
      allowedPaths: [cwd],
      logger: { warn: (...args) => output.note(args.map(String).join(" ")) },
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  await using _ = pipeline;
  return await turn(pipeline, task, output);
};

const parse = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      trace: { type: "boolean" },
      json: { type: "boolean" },
      offline: { type: "boolean" },
      provider: { type: "string" },
      help: { type: "boolean", short: "h" },
      model: { type: "string" },
      system: { type: "string" },
      "max-turns": { type: "string" },
      budget: { type: "string" },
    },
  });

const turn = async (pipeline: Pipeline, task: string, output: Output): Promise<number> => {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const from = performance.now();
  let result: RunResult | undefined;
  try {
    for await (const event of pipeline.runStream(task, { signal: stop.signal, onResult: (r) => (result = r) })) output.event(event);
    return result?.success && result.decision === "complete" ? 0 : 1;
  } catch (error) {
    const known = error instanceof GenyExecutorError ? error : undefined;
    if (known?.code !== "exec.pipeline.cancelled")
      output.failed(known?.code ?? "exec.unknown", error instanceof Error ? error.message : String(error));
    return stop.signal.aborted ? 130 : 1;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    if (result) output.summary(result, performance.now() - from, stop.signal.aborted);
  }
};

const readAll = async (stream: NodeJS.ReadStream): Promise<string> => {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8").trim();
};
