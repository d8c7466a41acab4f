/** npm run example -- NAME: runs an example; without a key it talks to the offline model. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { startModel } from "geny-executor/testing";

const folder = join(import.meta.dirname, "../examples");
const names = globSync("[a-z]*.ts", { cwd: folder })
  .map((f) => basename(f, ".ts"))
  .sort();
const name = process.argv[2] ?? "";
if (!names.includes(name)) {
  console.error(`Usage: npm run example -- NAME, with NAME one of ${names.join(", ")}.`);
  process.exit(2);
}
const model = process.env.ANTHROPIC_API_KEY ? undefined : await startModel();
if (model) console.error("ANTHROPIC_API_KEY is not set: the offline planner answers, which is no language model.");
const env = model ? { ...process.env, ANTHROPIC_API_KEY: "offline", ANTHROPIC_BASE_URL: model.url } : process.env;
const child = spawn(process.execPath, ["--conditions=geny-executor-source", join(folder, `${name}.ts`)], { stdio: "inherit", env });
child.on("exit", async (code) => {
  await model?.close();
  process.exit(code ?? 1);
});
