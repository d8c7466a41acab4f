#!/usr/bin/env node
/** `geny`: one file a command. */
import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2));
