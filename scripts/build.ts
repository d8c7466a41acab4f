/**
 * npm run build: dist/ from src/. Declarations by the compiler, file by file; JavaScript joined into one file an entry, with what several share
 * or load later in chunks: a package of 150 small modules takes three times as long to import.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
rmSync(dist, { recursive: true, force: true });
const { status } = spawnSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, string | { "geny-executor-source": string }>;
};
const entries = Object.values(exports).flatMap((e) => (typeof e === "string" ? [] : [e["geny-executor-source"]]));
await build({
  absWorkingDir: root,
  entryPoints: [...entries, "src/cli/main.ts"],
  outbase: "src",
  outdir: "dist",
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.18",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
chmodSync(join(dist, "cli/main.js"), 0o755);
