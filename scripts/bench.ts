/**
 * npm run bench -- [--peers a,b] [--scenarios x,y] [--quick] …: installs the chosen peers and this package as it would be published, runs the
 * bench and writes bench/results/results.md. Every other option goes to bench/run.mjs.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const bench = join(root, "bench");
const DEFAULT = "geny-executor,anthropic-sdk,stages21,http,geny-executor-python";

const args = process.argv.slice(2);
const at = args.indexOf("--peers");
const wanted = (at >= 0 ? (args[at + 1] ?? "") : DEFAULT).split(",");
const rest = at >= 0 ? args : [...args, "--peers", DEFAULT];

const sh = (command: string, given: readonly string[], cwd: string): boolean =>
  spawnSync(command, given, { cwd, stdio: "inherit", env: { ...process.env, npm_config_fund: "false", npm_config_audit: "false" } })
    .status === 0;

if (!sh("npm", ["run", "-s", "build"], root)) process.exit(1);
for (const folder of readdirSync(join(bench, "peers"))) {
  const cwd = join(bench, "peers", folder);
  const pkg = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8")) as {
    bench: { wires: object; python?: string };
    dependencies?: { "geny-executor"?: string };
  };
  if (!Object.keys(pkg.bench.wires).some((id) => wanted.includes(id))) continue;
  if (pkg.bench.python) {
    if (!existsSync(join(cwd, pkg.bench.python)) && !sh("sh", ["setup.sh"], cwd)) console.error(`${folder} is left out: its setup failed.`);
  } else if (pkg.dependencies?.["geny-executor"]) {
    // A copy, as npm would install it; made anew because the sources may have changed.
    rmSync(join(cwd, "node_modules"), { recursive: true, force: true });
    if (!sh("npm", ["install", "--install-links", "--no-package-lock", "--omit=dev"], cwd)) process.exit(1);
  } else if (pkg.dependencies && !existsSync(join(cwd, "node_modules")) && !sh("npm", ["install", "--no-package-lock"], cwd))
    process.exit(1);
}
process.exit(sh(process.execPath, [join(bench, "run.mjs"), "--out", join(bench, "results"), ...rest], root) ? 0 : 1);
