/** Who is asked. */
import { fields } from "../../contract/schema.ts";
import { defineStrategy } from "../../contract/strategy.ts";
import { persons, type Requester } from "../requesters.ts";

const approveAll = defineStrategy<Requester>()({ about: "Approves everything.", config: fields({}), create: () => async () => "approve" });

// Without the host's part `callback` gives no decision: to fall back to "null", which approves, would open what was to be guarded.
export const requesters = { null: approveAll, ...persons };
