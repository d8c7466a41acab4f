/** The failure of a name that no provider has. */
import { APIError } from "../contract/errors.ts";

export const noProvider = (name: string, known: readonly string[]): APIError =>
  new APIError(`There is no provider "${name}". Known: ${known.join(", ")}.`, { code: "exec.api.no_client", details: { provider: name } });
