// node bench/load.mjs [MANIFEST]: from a manifest's text to a pipeline, in fresh processes (interleaved): the first one made, and the median of 1000 more.
// The floor parses and copies the text. The Python program is left out when its .venv is missing (peers/geny-executor-python/setup.sh).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
const root = import.meta.dirname, file = process.argv[2] ?? join(root, '../test/golden/manifests/geny-worker-adaptive-v3.json'), PROCESSES = 11;
const node = (load, more = '') => [process.execPath, ['--input-type=module', '-e', `
  import { readFileSync } from 'node:fs';
  ${more}
  const text = readFileSync(${JSON.stringify(file)}, 'utf8');
  const timed = async () => { const t = performance.now(); ${load}; return performance.now() - t; };
  const first = await timed(), more = [];
  for (let i = 0; i < 1000; i++) more.push(await timed());
  console.log(JSON.stringify({ first, warm: more.sort((a, b) => a - b)[500] }));`]];
const python = join(root, 'peers/geny-executor-python/.venv/bin/python');
const programs = {
  floor: node('structuredClone(JSON.parse(text))'),
  'geny-executor': node('await Pipeline.fromManifest(JSON.parse(text), { apiKey: "k" })', 'import { Pipeline } from "geny-executor";'),
  ...(existsSync(python) ? { 'geny-executor-python': [python, ['-c', `
import json, logging, statistics, time
from geny_executor import EnvironmentManifest, Pipeline
logging.disable(logging.CRITICAL)
text = open(${JSON.stringify(file)}).read()
def timed():
    t = time.perf_counter()
    Pipeline.from_manifest(EnvironmentManifest.from_dict(json.loads(text)), api_key="k")
    return (time.perf_counter() - t) * 1000
first = timed()
print(json.dumps({"first": first, "warm": statistics.median(timed() for _ in range(1000))}))`]] } : {}),
};
const all = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
for (let i = 0; i < PROCESSES; i++)
  for (const [name, [bin, args]] of Object.entries(programs)) {
    const { stdout, stderr, status } = spawnSync(bin, args, { encoding: 'utf8', cwd: root });
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    all[name].push(JSON.parse(stdout));
  }
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
for (const [name, runs] of Object.entries(all)) {
  const ms = (key) => `${median(runs.map((run) => run[key])).toFixed(2)} ms (${median(runs.map((run, i) => run[key] / all.floor[i][key])).toFixed(0)}x)`;
  console.log(`${name.padEnd(22)} first ${ms('first').padEnd(18)} then ${ms('warm')}`);
}
