/** The identity of an effect: the same for every attempt at one call of one turn. */
import { canonical, type JsonObject } from "../contract/schema.ts";

export interface Identity {
  readonly sessionId: string;
  readonly turn: number;
  /** The call's place among the turn's calls; where that is not known, the call's own id. */
  readonly ordinal: number | string;
  readonly name: string;
  readonly input: JsonObject;
}

/** SHA-256 in hex. The order of keys in the input does not matter. */
export const idempotencyKey = ({ sessionId, turn, ordinal, name, input }: Identity): string =>
  process.getBuiltinModule("node:crypto").hash("sha256", canonical([sessionId, turn, ordinal, name, input]), "hex");
