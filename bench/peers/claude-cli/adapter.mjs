// A turn of the claude program: started by hand, and by our provider. The difference is what the provider costs; the child's CPU is in both.
// Without CLAUDE_BIN a shell script plays the program, so that little but that difference is measured; with it the real one asks the mock.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { providers } from 'geny-executor/providers';
import { DELTAS } from '../../lib/scenarios.mjs';

const model = 'claude-sonnet-4-5';
const told = { session_id: 'b5f1c6a0-0000-4000-8000-000000000000', uuid: 'b5f1c6a0-0000-4000-8000-000000000001' };
const usage = { input_tokens: 100, output_tokens: 200, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
const message = { id: 'msg_1', type: 'message', role: 'assistant', model, stop_reason: null, stop_sequence: null, usage };
const event = (e) => ({ type: 'stream_event', event: e, parent_tool_use_id: null, ...told });
const lines = (deltas) => [
  { type: 'system', subtype: 'init', cwd: '/', tools: [], mcp_servers: [], model, permissionMode: 'default', apiKeySource: 'ANTHROPIC_API_KEY', ...told },
  event({ type: 'message_start', message: { ...message, content: [] } }),
  event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  ...deltas.map((text) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
  { type: 'assistant', message: { ...message, content: [{ type: 'text', text: deltas.join('') }] }, parent_tool_use_id: null, ...told },
  event({ type: 'content_block_stop', index: 0 }),
  event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage }),
  event({ type: 'message_stop' }),
  { type: 'result', subtype: 'success', is_error: false, num_turns: 1, result: deltas.join(''), stop_reason: 'end_turn', duration_ms: 1, duration_api_ms: 1, total_cost_usd: 0.001, usage, modelUsage: {}, permission_denials: [], ...told },
];

/** The path of a script that says what the program would. */
const player = (home) => {
  const path = join(home, 'claude'), said = join(home, 'said.jsonl');
  writeFileSync(said, lines(DELTAS.single).map((l) => `${JSON.stringify(l)}\n`).join(''));
  writeFileSync(path, `#!/bin/sh\ncase "$1" in --version) echo "2.1.90 (Claude Code)"; exit;; esac\ncat > /dev/null\nexec cat '${said}'\n`);
  chmodSync(path, 0o755);
  return path;
};

export async function create({ base, variant }) {
  const home = mkdtempSync(join(tmpdir(), 'bench-claude-'));
  const binary = process.env.CLAUDE_BIN || player(home);
  const own = { HOME: home, CLAUDE_CONFIG_DIR: home, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_TELEMETRY: '1', DISABLE_AUTOUPDATER: '1', DISABLE_ERROR_REPORTING: '1' };
  const args = ['--print', '--verbose', '--input-format', 'stream-json', '--output-format', 'stream-json', '--include-partial-messages', '--bare', '--model', model];
  async function byHand({ prompt, onDelta }) {
    const child = spawn(binary, args, { cwd: home, env: { PATH: process.env.PATH, ...own, ANTHROPIC_API_KEY: 'x', ANTHROPIC_BASE_URL: base }, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    const ended = new Promise((ok) => child.once('close', ok));
    child.stdin.end(`${JSON.stringify({ type: 'user', message: { role: 'user', content: prompt } })}\n`);
    let text;
    for await (const line of createInterface({ input: child.stdout })) {
      const m = JSON.parse(line);
      if (m.type === 'stream_event' && m.event.delta?.type === 'text_delta') onDelta(m.event.delta.text);
      else if (m.type === 'result') text = m.result;
    }
    await ended;
    return text;
  }
  if (variant === 'claude-by-hand') return { run: byHand };
  const provider = await providers.claude_code_cli({ binaryPath: binary, apiKey: 'x', baseUrl: base, extras: { env_extras: own } });
  const { signal } = new AbortController();
  const request = { model, system: '', systemVolatile: '', maxTokens: 4096, temperature: null, topP: null, topK: null, stopSequences: null, tools: [], toolChoice: null, thinking: null, stream: true, cache: null, outputSchema: null, purpose: 'bench', sessionId: '', cacheKey: '' };
  return {
    async run({ prompt, onDelta }) {
      let text = '';
      for await (const e of provider.stream({ ...request, messages: [{ id: 'm', origin: 'user', role: 'user', content: prompt }] }, { signal }))
        if (e.type === 'text') { text += e.text; onDelta(e.text); }
      return text;
    },
  };
}
