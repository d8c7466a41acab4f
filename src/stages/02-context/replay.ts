/** Slot `replay`: a fresh state gets back the session's newest turns from memory, as messages. */
import { type Message, type MessageInput, textOf, toolResults, toolUses } from "../../contract/message.ts";
import { fields, int, list, number, text } from "../../contract/schema.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";

export interface Space {
  readonly sessionId: string;
  /** Tokens of the window that are not kept for the answer. */
  readonly tokens: number;
  size(message: Message): number;
  messageId(): string;
}
export interface Replayed {
  readonly messages: readonly Message[];
  readonly turns: number;
  readonly full: number;
  readonly dialogue: number;
  readonly tokens: number;
  readonly budget: number;
  /** Whether something had to go for want of room. */
  readonly degraded: boolean;
}
/** Null: nothing is ever replayed. Undefined: there was nothing to replay. */
export type Replay = ((space: Space, call: Call) => Promise<Replayed | undefined>) | null;

const LEAST = 2000;
const NO_ANSWER = "[This was not answered.]";

type Turn = { readonly messages: readonly Message[]; readonly whole: boolean };

export const replays = {
  turn_window: defineStrategy<Replay>()({
    about: "The newest turns whole, a few more as dialogue. Needs a memory that the host attaches; without one it does nothing.",
    config: fields({
      full_turns: int({ min: 0, max: 10, default: 2, about: "newest turns with their tool calls" }),
      dialogue_turns: int({ min: 0, max: 20, default: 3, about: "turns before them, without their tool calls" }),
      window_share: number({ min: 0.02, max: 0.5, default: 0.15, about: "share of the window that they may fill; 2000 tokens at least" }),
      silent_markers: list(text({ about: "a text" }), {
        default: ["[SILENT]"],
        about: "a turn whose answer holds one of these is passed over",
      }),
      fetch_rows: int({ min: 1, default: 400, about: "messages that memory is asked for" }),
    }),
    create: ({ full_turns, dialogue_turns, window_share, silent_markers, fetch_rows }, { host }) => {
      const { history } = host;
      if (!history) return null;
      return async (space, call) => {
        const rows = await call.step("context.history", (signal) => history(space.sessionId, fetch_rows, { ...call, signal }));
        const turns = turnsOf(rows)
          .filter((turn) => !isSilent(turn, silent_markers))
          .slice(-(full_turns + dialogue_turns) || rows.length);
        if (!turns.length || full_turns + dialogue_turns === 0) return undefined;
        const budget = Math.max(LEAST, Math.floor(window_share * space.tokens));
        return fit(
          turns.map((turn, i) => formed(turn, turns.length - i <= full_turns, space)),
          turns,
          budget,
          space,
        );
      };
    },
  }),
  none: defineStrategy<Replay>()({ about: "Replays nothing.", config: fields({}), create: () => null }),
};

const asks = ({ role, content }: MessageInput): boolean => role === "user" && !toolResults(content).length;

/** A turn begins with what a person asked. What stands before the first question belongs to a turn that is not whole. */
const turnsOf = (rows: readonly MessageInput[]): MessageInput[][] => {
  const turns: MessageInput[][] = [];
  for (const [i, row] of rows.entries()) {
    const before = rows[i - 1];
    if (asks(row) && !(before && asks(before) && turns.length)) turns.push([row]);
    else turns.at(-1)?.push(row);
  }
  return turns;
};

const answerOf = (turn: readonly MessageInput[]): string =>
  turn
    .flatMap(({ role, content }) => (role === "assistant" ? [textOf(content)] : []))
    .filter(Boolean)
    .join("\n");
const isSilent = (turn: readonly MessageInput[], markers: readonly string[]): boolean => {
  const answer = answerOf(turn);
  return markers.some((marker) => marker !== "" && answer.includes(marker));
};

const replayed = ({ role, content }: MessageInput, { messageId }: Space): Message => ({ id: messageId(), origin: "replay", role, content });

/** Whole, when that is asked for and its calls have their results; else the question, the answer and the names of the tools. */
const formed = (turn: readonly MessageInput[], whole: boolean, space: Space): Turn => {
  const calls = turn.flatMap(({ content }) => toolUses(content));
  const answers = new Set(turn.flatMap(({ content }) => toolResults(content).map((result) => result.tool_use_id)));
  if (whole && calls.length === answers.size && calls.every((call) => answers.has(call.id)) && turn.at(-1)?.role === "assistant")
    return { messages: turn.map((message) => replayed(message, space)), whole: true };
  const tools = [...new Set(calls.map((call) => call.name))];
  const said = [answerOf(turn) || NO_ANSWER, ...(tools.length ? [`[Used tools: ${tools.join(", ")}]`] : [])].join("\n");
  const asked = turn.filter(asks).map((message) => replayed(message, space));
  return { messages: [...asked, replayed({ role: "assistant", content: said }, space)], whole: false };
};

/** Sheds tool results first, then whole turns, the oldest first; the newest turn always stays. */
const fit = (all: readonly Turn[], sources: readonly MessageInput[][], budget: number, space: Space): Replayed => {
  let turns = all.map((turn, i) => ({ turn, source: sources[i] ?? [] }));
  const tokens = () => turns.reduce((sum, { turn }) => sum + turn.messages.reduce((n, message) => n + space.size(message), 0), 0);
  let degraded = false;
  while (tokens() > budget) {
    const oldest = turns.findIndex(({ turn }) => turn.whole);
    if (oldest < 0 && turns.length <= 1) break;
    degraded = true;
    turns = oldest < 0 ? turns.slice(1) : turns.map((t, i) => (i === oldest ? { ...t, turn: formed(t.source, false, space) } : t));
  }
  const full = turns.filter(({ turn }) => turn.whole).length;
  const messages = turns.flatMap(({ turn }) => turn.messages);
  return { messages, turns: turns.length, full, dialogue: turns.length - full, tokens: tokens(), budget, degraded };
};
