// Our providers by themselves, with the loop by hand that the vendors' SDKs get: what a wire costs without the pipeline.
import { providers } from 'geny-executor/providers';

const { signal } = new AbortController();
const PLAIN = { system: '', systemVolatile: '', temperature: null, topP: null, topK: null, stopSequences: null, toolChoice: null, thinking: null, cache: null, outputSchema: null, purpose: 'bench', sessionId: '', cacheKey: '' };

export async function create({ base, tools, wire }) {
  const [model, provider] = {
    anthropic: ['claude-mock', () => providers.anthropic({ apiKey: 'x', baseUrl: base })],
    responses: ['gpt-mock', () => providers.openai({ apiKey: 'x', baseUrl: `${base}/v1` })],
    chat: ['gpt-mock', () => providers.openai({ apiKey: 'x', baseUrl: `${base}/v1`, api: 'chat' })],
    gemini: ['gemini-mock', () => providers.google({ apiKey: 'x', baseUrl: base })],
  }[wire];
  const { stream: ask } = await provider();
  const specs = tools.map((t) => ({ name: t.name, description: t.description, input_schema: t.schema }));
  let ids = 0;
  const message = (role, content) => ({ id: `m${ids++}`, origin: 'user', role, content });
  return {
    async run({ stream, prompt, history, onDelta }) {
      let messages = [...history.map((m) => message(m.role, m.text)), message('user', prompt)];
      for (;;) {
        const content = [];
        let text = '';
        for await (const e of ask({ ...PLAIN, model, messages, maxTokens: 4096, tools: specs, stream }, { signal }))
          if (e.type === 'text') { text += e.text; if (stream) onDelta(e.text); }
          else if (e.type === 'tool_call') content.push({ type: 'tool_use', id: e.id, name: e.name, input: e.input });
          else if (e.type === 'block') content.push(e.block);
        const calls = content.filter((b) => b.type === 'tool_use');
        if (!calls.length) return text;
        const results = await Promise.all(calls.map(async (c) => ({ type: 'tool_result', tool_use_id: c.id, content: JSON.stringify(await tools.find((t) => t.name === c.name).execute(c.input)) })));
        messages = [...messages, message('assistant', content), message('user', results)];
      }
    },
  };
}
