#!/usr/bin/env node
/** `geny`: one file a command. */

const [command, ...rest] = process.argv.slice(2);
process.exitCode =
  command === "providers" ? await (await import("./providers.ts")).run(rest) : await (await import("./run.ts")).run(process.argv.slice(2));
