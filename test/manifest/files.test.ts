/** Files: written at once or not at all, in the file's own mode and behind its links; read with a clear word. */
import assert from "node:assert/strict";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ConfigError, EnvironmentManifest, PipelinePresets } from "geny-executor";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "geny-files-"));
});
after(() => rm(folder, { recursive: true }));
const manifest = PipelinePresets.agent({ apiKey: "k" }).snapshot();
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test("a saved manifest is text with an indent of 2, and loads to the same", async () => {
  const path = join(folder, "a.geny-env.json");
  await manifest.save(path);
  const text = await readFile(path, "utf8");
  assert.equal(text, `${JSON.stringify(manifest, null, 2)}\n`);
  assert.deepEqual((await EnvironmentManifest.load(pathToFileURL(path))).toJSON(), manifest.toJSON());
});

test("a file that is there keeps its mode", async () => {
  for (const mode of [0o600, 0o664, 0o444]) {
    const path = join(folder, `mode-${mode}.json`);
    await writeFile(path, "{}");
    await chmod(path, mode);
    await manifest.save(path);
    assert.equal(await modeOf(path), mode.toString(8));
    assert.ok((await readFile(path, "utf8")).length > 100);
  }
});

test("a link stays one, also to a file that is not there yet", async () => {
  const home = join(folder, "home");
  await mkdir(home);
  await writeFile(join(home, "there.json"), "{}", { mode: 0o640 });
  for (const name of ["there", "coming"]) {
    const link = join(folder, `${name}-link.json`);
    await symlink(join("home", `${name}.json`), link);
    await manifest.save(link);
    assert.ok((await lstat(link)).isSymbolicLink(), name);
    assert.equal(await readFile(join(home, `${name}.json`), "utf8"), `${JSON.stringify(manifest, null, 2)}\n`);
  }
  assert.equal(await modeOf(join(home, "there.json")), "640");
});

test("many saves at once leave one whole file and nothing beside it", async () => {
  const place = join(folder, "many");
  await mkdir(place);
  const path = join(place, "a.json");
  await Promise.all(Array.from({ length: 20 }, () => manifest.save(path)));
  assert.deepEqual(await readdir(place), ["a.json"]);
  await EnvironmentManifest.load(path);
});

test("a save that fails leaves nothing behind", async () => {
  const place = join(folder, "taken");
  await mkdir(join(place, "a.json"), { recursive: true });
  await assert.rejects(manifest.save(join(place, "a.json")));
  await assert.rejects(manifest.save(join(folder, "no", "folder.json")), { code: "ENOENT" });
  assert.deepEqual(await readdir(place), ["a.json"]);
});

test("a text that is no JSON is refused with the place, and is not quoted", async () => {
  const path = join(folder, "broken.json");
  const of = async (text: string): Promise<string> => {
    await writeFile(path, text);
    const error: unknown = await EnvironmentManifest.load(path).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof ConfigError);
    assert.equal(error.findings[0]?.code, "json.invalid");
    return error.message;
  };
  assert.match(await of('{\n  "pipeline": { "api_key": sk-secret }\n}'), /line 2, column 28/);
  assert.doesNotMatch(await of('{\n  "pipeline": { "api_key": sk-secret }\n}'), /sk-|ecret/);
  assert.match(await of(""), /is empty/);
  assert.match(await of('{"a": 1'), /line 1, column 8/);
});

test("a byte order mark is no matter", async () => {
  const path = join(folder, "mark.json");
  await writeFile(path, `\uFEFF${JSON.stringify(manifest)}`);
  assert.deepEqual((await EnvironmentManifest.load(path)).toJSON(), manifest.toJSON());
});
