/** What the terminal shows of a run: the answer on standard output, everything else on standard error. */
import { styleText } from "node:util";
import type { JsonObject, PipelineEvent, RunResult } from "../index.ts";

export interface Output {
  event(event: PipelineEvent): void;
  /** A line beside the run. */
  note(line: string): void;
  failed(code: string, message: string): void;
  summary(result: RunResult, ms: number, stopped: boolean): void;
}

/** Every event as one line of JSON; nothing else on standard output. */
export const jsonOutput = (): Output => ({
  event: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
  note: (line) => void process.stderr.write(`${line}\n`),
  failed: () => {},
  summary: () => {},
});

type Style = Parameters<typeof styleText>[0];
const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stderr });

const time = (ms: number): string => (ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`);
const money = (usd: number | null): string => (usd === null ? "cost unknown" : usd === 0 ? "$0" : `$${usd.toFixed(usd < 0.01 ? 5 : 3)}`);
/** The one argument that says most about a call. */
const gist = (input: JsonObject): string => {
  const value = ["file_path", "command", "pattern", "path", "query", "url"].map((key) => input[key]).find((v) => typeof v === "string");
  const text = String(value ?? JSON.stringify(input)).replaceAll(/\s+/g, " ");
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
};

export const terminalOutput = ({ trace }: { trace: boolean }): Output => {
  const status = statusLine();
  /** What each call under way is about, by its id. */
  const calls = new Map<string, string>();
  let midLine = false;
  const line = (text: string) => {
    status.clear();
    if (midLine) process.stdout.write("\n");
    midLine = false;
    process.stderr.write(`${text}\n`);
  };
  const stages = trace ? stageTrace(line) : undefined;
  return {
    event(event) {
      stages?.(event);
      const { data } = event;
      switch (event.type) {
        case "stage.enter":
          status.show(event.stage === "api" ? "waiting for the model" : event.stage === "tool" ? "running tools" : event.stage);
          break;
        case "thinking.delta":
          status.show("the model is thinking");
          break;
        case "text.delta":
          status.clear();
          process.stdout.write(String(data.text));
          midLine = !String(data.text).endsWith("\n");
          break;
        case "tool.call_start":
          status.show(`${data.name} ${gist(data.input as JsonObject)}`);
          break;
        case "tool.call_complete": {
          const mark = data.is_error ? paint("red", "✗") : paint("green", "✓");
          const failure = data.is_error ? ` ${paint("red", String(data.error ?? "failed").split("\n")[0] ?? "")}` : "";
          line(
            `${mark} ${paint("bold", String(data.name))} ${calls.get(String(data.tool_use_id)) ?? ""} ${paint("dim", time(Number(data.duration_ms)))}${failure}`,
          );
          break;
        }
        case "api.retry":
          line(paint("yellow", `The model's answer failed (${data.category}); trying again in ${time(Number(data.delay) * 1000)}.`));
          break;
        case "api.stream_restart":
          line(paint("yellow", "The answer begins anew."));
          break;
        case "hitl.request":
          line(paint("yellow", `Waits for an approval: ${data.reason}`));
      }
      if (event.type === "tool.call_start") calls.set(String(data.tool_use_id), gist(data.input as JsonObject));
    },
    note: (text) => line(paint("dim", text)),
    failed: (code, message) => line(`${paint("red", code)} ${message}`),
    summary(result, ms, stopped) {
      const { usage } = result;
      if (stopped) line(paint("yellow", "Stopped."));
      else if (result.decision !== "complete")
        line(paint("yellow", `Ended: ${result.decision}${result.completionDetail ? `, ${result.completionDetail}` : ""}.`));
      else if (result.completionSignal === "MAX_ITERATIONS" || result.completionSignal === "COST_BUDGET")
        line(paint("yellow", `Ended by the limit: ${result.completionSignal}.`));
      const cached = usage.cacheReadTokens ? ` (${Math.round(usage.cacheReadShare * 100)} % cached)` : "";
      const read = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
      line(
        paint(
          "dim",
          `${read} tokens in${cached}, ${usage.outputTokens} out · ${money(result.totalCostUsd)} · ${result.iterations} ${result.iterations === 1 ? "iteration" : "iterations"} · ${time(ms)}`,
        ),
      );
    },
  };
};
/** One line that moves while nothing else is shown. Only on a terminal. */
const statusLine = () => {
  const live = process.stderr.isTTY === true;
  let text = "";
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    process.stderr.write(`\r\x1b[2K${paint("dim", `… ${text} ${seconds} s`.slice(0, (process.stderr.columns ?? 80) - 1))}`);
  };
  return {
    show(next: string) {
      if (!live) return;
      if (next !== text) since = performance.now();
      text = next;
      timer ??= setInterval(draw, 120).unref();
    },
    clear() {
      if (!timer) return;
      clearInterval(timer);
      timer = undefined;
      text = "";
      process.stderr.write("\r\x1b[2K");
    },
  };
};

/** The stages as they run, one line each. */
const stageTrace = (line: (text: string) => void) => {
  const ORDER = new Map<string, number>();
  let spent = "";
  return (event: PipelineEvent) => {
    const { data, stage } = event;
    const place = () => {
      if (!ORDER.has(stage)) ORDER.set(stage, ORDER.size + 1);
      return `${String(ORDER.get(stage)).padStart(2)} ${stage.padEnd(13)}`;
    };
    if (event.type === "token.tracked")
      spent = `${data.input_tokens} in, ${data.output_tokens} out, ${money(data.cost_usd as number | null)}`;
    if (event.type === "stage.bypass") line(paint("dim", `  ${place()} bypassed  ${data.reason}`));
    if (event.type === "stage.exit") {
      line(`  ${paint("cyan", place())} ran       ${time(Number(data.duration_ms)).padStart(8)}${stage === "token" ? `  ${spent}` : ""}`);
      if (stage === "token") spent = "";
    }
    if (event.type === "stage.error") line(paint("red", `  ${place()} failed    ${data.code}`));
  };
};
