/** How tokens are written down. */
import { fields } from "../../contract/schema.ts";
import type { State } from "../../contract/state.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { addUsage, type Usage } from "../../contract/usage.ts";

export type Books = Pick<State, "tokenUsage" | "turnTokenUsage" | "tokenBreakdown">;
/** The books with one more call in them. */
export type Tracker = (books: Books, usage: Usage, iteration: number, call: Call) => Books;

const track = (books: Books, usage: Usage): Books => ({
  ...books,
  tokenUsage: addUsage(books.tokenUsage, usage),
  turnTokenUsage: [...books.turnTokenUsage, usage],
});

export const trackers = {
  default: defineStrategy<Tracker>()({
    about: "Sums of the session, and one entry a call for the turn.",
    config: fields({}),
    create: () => track,
  }),
  detailed: defineStrategy<Tracker>()({
    about: "Also which pass each call was made in.",
    config: fields({}),
    create: () => (books, usage, iteration) => ({
      ...track(books, usage),
      tokenBreakdown: [
        ...books.tokenBreakdown,
        {
          iteration,
          stage: "token",
          input_tokens: usage.input_tokens,
          output_tokens: usage.output_tokens,
          cache_creation: usage.cache_creation_input_tokens,
          cache_read: usage.cache_read_input_tokens,
        },
      ],
    }),
  }),
};
