import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { builtinTools } from "geny-executor/tools";
import { dispatcherOf, errorOf, textOfOutcome } from "./making.ts";
import { temporary } from "./recording.ts";

const here = async (files: { readonly [path: string]: string } = {}, allowed: readonly string[] | null = null) => {
  const root = await temporary();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), content);
  }
  const { ask } = dispatcherOf(builtinTools(), { workingDir: root, allowedPaths: allowed?.map((folder) => join(root, folder)) ?? null });
  const text = async (name: string, input: { readonly [key: string]: string | number | boolean }, session?: string) =>
    textOfOutcome(await ask(name, { input, ...(session ? { session } : {}) }));
  return { root, ask, text };
};

test("Write was blind: an existing file is overwritten by a session that read it only", async () => {
  const { root, ask, text } = await here({ "a.txt": "old", "empty.txt": "" });
  const write = { file_path: "a.txt", content: "new" };
  assert.ok((await ask("Write", { input: write })).isError);
  assert.equal(await readFile(join(root, "a.txt"), "utf8"), "old");
  await text("Read", { file_path: "a.txt" }, "another");
  assert.ok((await ask("Write", { input: write })).isError);
  await text("Read", { file_path: "./x/../a.txt" });
  assert.ok(!(await ask("Write", { input: write })).isError);
  assert.ok(!(await ask("Write", { input: { ...write, content: "again" } })).isError);
  assert.ok(!(await ask("Write", { input: { file_path: "empty.txt", content: "x" } })).isError);
  assert.ok(!(await ask("Write", { input: { file_path: "deep/new.txt", content: "x" } })).isError);
});

test("a write keeps the file's mode, leaves no temporary file, and goes through a link", async () => {
  const { root, ask, text } = await here({ "run.sh": "echo" });
  await chmod(join(root, "run.sh"), 0o755);
  await symlink(join(root, "run.sh"), join(root, "link"));
  await text("Read", { file_path: "link" });
  assert.ok(!(await ask("Write", { input: { file_path: "link", content: "echo 2" } })).isError);
  assert.equal((await stat(join(root, "run.sh"))).mode & 0o777, 0o755);
  assert.equal(await readFile(join(root, "run.sh"), "utf8"), "echo 2");
  assert.deepEqual((await readdir(root)).sort(), ["link", "run.sh"]);
});

test("the path guard holds for every file tool: up, absolute, linked, dangling, by prefix", async () => {
  const { root, ask } = await here({ "in/a.txt": "inside", "out/secret.txt": "secret", "in-other/b.txt": "secret" }, ["in"]);
  await symlink(join(root, "out"), join(root, "in", "folder"));
  await symlink(join(root, "out", "secret.txt"), join(root, "in", "file"));
  await symlink(join(root, "out", "new.txt"), join(root, "in", "dangling"));
  const paths = [
    "out/secret.txt",
    "in/../out/secret.txt",
    join(root, "out/secret.txt"),
    "in/folder/secret.txt",
    "in/file",
    "in-other/b.txt",
  ];
  for (const file_path of paths) {
    for (const [name, more] of [
      ["Read", {}],
      ["Write", { content: "x" }],
      ["Edit", { old_string: "secret", new_string: "x" }],
    ] as const) {
      const outcome = await ask(name, { input: { file_path, ...more } });
      assert.ok(outcome.isError && /outside of the allowed folders/.test(textOfOutcome(outcome)), `${name} ${file_path}`);
    }
    assert.ok((await ask("Grep", { input: { pattern: "secret", path: file_path } })).isError, file_path);
  }
  for (const path of ["out", "in/folder", ".", ".."]) assert.ok((await ask("Glob", { input: { pattern: "**/*", path } })).isError, path);
  assert.ok((await ask("Glob", { input: { pattern: "../out/*", path: "in" } })).isError);
  assert.equal(textOfOutcome(await ask("Glob", { input: { pattern: "**", path: "in" } })), join(root, "in", "a.txt"));
  assert.match(textOfOutcome(await ask("Grep", { input: { pattern: "secret", path: "in" } })), /Nothing matches/);
  assert.ok((await ask("Write", { input: { file_path: "in/dangling", content: "x" } })).isError);
  assert.deepEqual(await readdir(join(root, "out")), ["secret.txt"]);
  assert.ok((await ask("Bash", { input: { command: "cat out/secret.txt" } })).isError, "the working folder is outside");
  assert.ok((await ask("Read", { input: { file_path: "in/a\u0000b" } })).isError);
});

test("an empty list of allowed folders allows nothing", async () => {
  const { ask } = await here({ "a.txt": "x" }, []);
  assert.ok((await ask("Read", { input: { file_path: "a.txt" } })).isError);
});

test("Edit lost Windows line ends: now they stay, a text of the model's finds them, and what is put in gets them", async () => {
  const { root, text } = await here({ "w.txt": "one\r\ntwo\r\nthree\r\n", "mixed.txt": "a\r\nb\nc\n", "bom.txt": "\ufeffx\n" });
  await text("Edit", { file_path: "w.txt", old_string: "one\ntwo", new_string: "1\n2" });
  assert.equal(await readFile(join(root, "w.txt"), "utf8"), "1\r\n2\r\nthree\r\n");
  await text("Edit", { file_path: "w.txt", old_string: "three", new_string: "3\n4" });
  assert.equal(await readFile(join(root, "w.txt"), "utf8"), "1\r\n2\r\n3\r\n4\r\n");
  await text("Edit", { file_path: "mixed.txt", old_string: "b\nc", new_string: "B\nC" });
  await text("Edit", { file_path: "mixed.txt", old_string: "a\nB", new_string: "A\nb" });
  assert.equal(await readFile(join(root, "mixed.txt"), "utf8"), "A\r\nb\nC\n");
  await text("Edit", { file_path: "bom.txt", old_string: "x", new_string: "y" });
  assert.equal(await readFile(join(root, "bom.txt"), "utf8"), "\ufeffy\n");
});

test("two edits of one file at a time both stand", async () => {
  const { root, ask } = await here({ "a.txt": "1 2 3 4 5 6 7 8" });
  await Promise.all([..."12345678"].map((n) => ask("Edit", { input: { file_path: "a.txt", old_string: n, new_string: `<${n}>` } })));
  assert.equal(await readFile(join(root, "a.txt"), "utf8"), "<1> <2> <3> <4> <5> <6> <7> <8>");
});

test("Grep printed nothing past its limit: the first 300 lines are shown, and that there are more", async () => {
  const { root, text } = await here({ "long.txt": Array.from({ length: 500 }, (_, i) => `row ${i}`).join("\n") });
  const lines = (await text("Grep", { pattern: "row", output_mode: "content" })).split("\n");
  assert.equal(lines.length, 301);
  assert.equal(lines[0], `${join(root, "long.txt")}:1:> row 0`);
  assert.match(String(lines[300]), /more/);
  assert.match(await text("Grep", { pattern: "row", output_mode: "count" }), /500.*1/);
});

test("Grep: at most 200 files, and says so; binary, large and skipped ones are left out; (?i) is understood", async () => {
  const many = Object.fromEntries(Array.from({ length: 205 }, (_, i) => [`d/f${i}.txt`, "Needle\n"]));
  const { text } = await here({ ...many, "b.bin": "Needle\u0000", "big.txt": "Needle\n".repeat(400_000), ".git/x": "Needle" });
  const lines = (await text("Grep", { pattern: "(?i)needle" })).split("\n");
  assert.equal(lines.length, 201);
  assert.ok(!lines.some((line) => /b\.bin|big\.txt|\.git/.test(line)));
  assert.match(await text("Grep", { pattern: "Needle", output_mode: "count" }), /205.*205/);
});

test("an expression that would run for ever is stopped and told, as one that cannot be read is", async () => {
  const { ask } = await here({ "a.txt": `${"a".repeat(60)}!\n` });
  const from = performance.now();
  const slow = errorOf(await ask("Grep", { input: { pattern: "(a+)+$" } }));
  assert.ok(performance.now() - from < 4000);
  assert.deepEqual([slow.code, slow.details.path], ["invalid_input", "pattern"]);
  assert.equal(errorOf(await ask("Grep", { input: { pattern: "(" } })).code, "invalid_input");
});

test("Glob: the newest 500, and how many there are", async () => {
  const { text } = await here(Object.fromEntries(Array.from({ length: 505 }, (_, i) => [`f${i}.txt`, ""])));
  const lines = (await text("Glob", { pattern: "*.txt" })).split("\n");
  assert.equal(lines.length, 501);
  assert.match(String(lines[500]), /500 of 505/);
});

test("pipes, devices and folders are not read", async () => {
  const { root, ask } = await here({ "d/x": "" });
  execFileSync("mkfifo", [join(root, "pipe")]);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error("it hangs")), 2000);
  for (const file_path of ["pipe", "/dev/zero", "d"])
    assert.ok((await ask("Read", { input: { file_path }, signal: controller.signal })).isError, file_path);
  clearTimeout(timer);
  await rm(join(root, "pipe"));
});
