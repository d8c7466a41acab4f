/** A vendor's list of its models, page by page. */
import type { ModelInfo } from "../contract/provider.ts";
import type { Json } from "../contract/schema.ts";
import { send } from "./http.ts";
import { parsed } from "./json.ts";
import { noAnswer, textOf } from "./whole-answer.ts";
import type { Wire } from "./wire.ts";

export interface Listing {
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  /** Null: the answer is no list. `next`: the address of the next page. */
  read(body: Json | undefined): { readonly models: readonly ModelInfo[]; readonly next?: string | undefined } | null;
}

/** Pages of a list at most. */
const PAGES = 20;

/** Throws `APIError` as a request does; none for a wire that cannot tell. */
export const listed = async (wire: Wire, signal: AbortSignal): Promise<readonly ModelInfo[]> => {
  const listing = wire.listing?.();
  const models: ModelInfo[] = [];
  let url = listing?.url;
  for (let page = 0; listing && url && page < PAGES; page++) {
    const { timeouts, fetch } = wire;
    const answer = await send({ url, method: "GET", headers: listing.headers, body: undefined, signal, timeouts, fetch });
    const body = await textOf(answer, 1 << 24);
    if (answer.status < 200 || answer.status > 299) throw wire.failure({ ...answer, body, secrets: wire.secrets() });
    const found = listing.read(parsed(body));
    if (!found) throw noAnswer(answer, body, { ...wire, answer: "list of models" });
    models.push(...found.models);
    url = found.next;
  }
  return models;
};
