#!/usr/bin/env node
/** `geny`: one file a command. */

const argv = process.argv.slice(2);
const command = async () => {
  if (argv[0] === "providers") return (await import("./providers.ts")).run(argv.slice(1));
  if (argv[0] === "manifest") return (await import("./manifest.ts")).run(argv.slice(1));
  return (await import("./run.ts")).run(argv);
};
process.exitCode = await command();
