#!/usr/bin/env node
/** `geny`: one file a command. */

/** Words of such a length may be a slip for "manifest". */
const SLIP = /^\w{6,10}$/;
const argv = process.argv.slice(2);
const command = async () => {
  if (argv[0] === "providers") return (await import("./providers.ts")).run(argv.slice(1));
  if (argv[0] === "manifest") return (await import("./manifest.ts")).run(argv.slice(1));
  if (SLIP.test(argv[0] ?? "") && (await import("./manifest.ts")).isMeant(argv)) {
    process.stderr.write(`Did you mean "geny manifest ${argv[1]}"? A task of several words is put in quotes.\n`);
    return 2;
  }
  return (await import("./run.ts")).run(argv);
};
process.exitCode = await command();
