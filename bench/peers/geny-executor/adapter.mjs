// All 21 stages, the full event stream, one consumer of it.
import { defineTool, PipelinePresets, SessionManager } from 'geny-executor';

export async function create({ base, tools }) {
  const options = { apiKey: 'x', baseUrl: base, model: 'claude-mock', maxTokens: 4096, prices: { 'claude-mock': { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 } } };
  const registered = tools.map((t) => defineTool({ name: t.name, description: t.description, input: t.schema, effect: 'read', run: async (input) => JSON.stringify(await t.execute(input)) }));
  const make = (stream) => {
    const pipeline = PipelinePresets.agent({ ...options, stream, tools: registered });
    return pipeline;
  };
  const streamed = make(true), whole = make(false), manager = new SessionManager();
  return {
    async run({ stream, prompt, history, onDelta }) {
      const messages = history.map((m) => ({ role: m.role, content: m.text }));
      let text;
      for await (const event of (stream ? streamed : whole).runStream(prompt, { messages }))
        if (event.type === 'text.delta') onDelta(event.data.text);
        else if (event.type === 'pipeline.complete') text = event.data.result.text;
      return text;
    },
    session: ({ id, history }) => manager.create(streamed, { sessionId: id, messages: history.map((m) => ({ role: m.role, content: m.text })) }),
  };
}
