/** What `geny.schema.json` holds. */

import { builtinTools } from "geny-executor";
import { manifestSchema } from "geny-executor/manifest";

export const schemaText = (): string =>
  `${JSON.stringify(manifestSchema({}, { builtInTools: builtinTools().map((t) => t.name) }), null, 2)}\n`;
