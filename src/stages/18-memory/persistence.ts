/** Where a session's history is written after each turn. */
import type { Message } from "../../contract/message.ts";
import { fields, text } from "../../contract/schema.ts";
import type { Services } from "../../contract/services.ts";
import { type Call, defineStrategy } from "../../contract/strategy.ts";
import { fileName, writeWhole } from "../files.ts";
import { dehydrate } from "./dehydrate.ts";

/** Writes the whole history over what was there. Null: nothing is written. */
export type Save = ((sessionId: string, messages: readonly Message[], call: Call) => Promise<void>) | null;

const strategy = defineStrategy<Save>();

/** One file a session, `FOLDER/SESSION.json`. The folder is made at the first write. */
export const toFile =
  (folder: string, services: Pick<Services, "id">): NonNullable<Save> =>
  (sessionId, messages, call) =>
    call.step("memory.write", async () => {
      await writeWhole(folder, `${fileName(sessionId)}.json`, JSON.stringify(messages.map(dehydrate), null, 2), services.id());
    });

export const persistence = {
  null: strategy({ about: "Nothing is written.", config: fields({}), create: () => null }),
  in_memory: strategy({
    about: "In the pipeline's store, under `memory.SESSION`, for as long as the pipeline lives.",
    config: fields({}),
    create:
      (_config, { store }) =>
      (sessionId, messages, call) =>
        call.step("memory.write", () => store.set(`memory.${sessionId}`, messages.map(dehydrate))),
  }),
  file: strategy({
    about: "In a JSON file of the session's.",
    config: fields({ base_dir: text({ min: 1, default: "./memory", about: "the folder; it is made at the first write" }) }),
    create: ({ base_dir }, services) => toFile(base_dir, services),
  }),
};
