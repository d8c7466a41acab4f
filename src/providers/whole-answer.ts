/** An answer that is read whole before anything is said of it. */
import { APIError } from "../contract/errors.ts";
import type { HttpAnswer } from "./http.ts";
import type { Wire } from "./wire.ts";

/** An answer's body. What is beyond so many bytes is left out. */
export const textOf = async (answer: HttpAnswer, limit: number): Promise<string> => {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of answer.body) {
    pieces.push(piece);
    size += piece.length;
    if (size > limit) break;
  }
  return Buffer.concat(pieces).toString();
};

/** The error of an answer that is none, though its status says so: the vendor's own if it tells one, else where to look. */
export const noAnswer = (answer: HttpAnswer, body: string, wire: Wire): APIError => {
  const failure = wire.failure({ ...answer, body, secrets: wire.secrets() });
  if (failure.details.type) return failure;
  const said = failure.message.slice(wire.name.length + 2);
  return new APIError(`${wire.name}: the answer is no ${wire.answer}. Is \`baseUrl\` right? ${said}`, {
    code: "exec.api.unknown",
    status: answer.status,
    requestId: failure.requestId,
    details: { provider: wire.name },
  });
};
