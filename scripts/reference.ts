/** npm run docs: writes docs/reference/ and geny.schema.json from the definitions, and src/manifest/releases.ts from the recordings. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reference } from "./reference-pages.ts";
import { releasesText } from "./releases.ts";
import { schemaText } from "./schema.ts";

const folder = join(import.meta.dirname, "../docs/reference");
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(reference())) writeFileSync(join(folder, name), text);
writeFileSync(join(import.meta.dirname, "../geny.schema.json"), schemaText());
writeFileSync(join(import.meta.dirname, "../src/manifest/releases.ts"), releasesText());
console.log(`wrote ${readFileSync(join(folder, "stages.md"), "utf8").split("\n").length} lines of stages.md and the rest`);
