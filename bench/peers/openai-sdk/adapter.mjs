// The provider SDK with a loop by hand, on its two wires.
import OpenAI from 'openai';

export async function create({ base, tools, wire }) {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'x', maxRetries: 0 });
  const model = 'gpt-mock';
  const call = async (name, json) => JSON.stringify(await tools.find((t) => t.name === name).execute(JSON.parse(json)));
  const start = (history, prompt) => [...history.map((m) => ({ role: m.role, content: m.text })), { role: 'user', content: prompt }];

  const responses = {
    defs: tools.map((t) => ({ type: 'function', name: t.name, description: t.description, parameters: t.schema, strict: false })),
    async turn(input, stream, onDelta) {
      const body = { model, input, store: false, ...(tools.length && { tools: responses.defs }) };
      if (!stream) return (await client.responses.create(body)).output;
      const output = [];
      for await (const e of await client.responses.create({ ...body, stream: true }))
        if (e.type === 'response.output_text.delta') onDelta(e.delta);
        else if (e.type === 'response.output_item.done') output.push(e.item);
      return output;
    },
    async answer(input, output) {
      const calls = output.filter((i) => i.type === 'function_call');
      input.push(...output, ...(await Promise.all(calls.map(async (c) => ({ type: 'function_call_output', call_id: c.call_id, output: await call(c.name, c.arguments) })))));
      return calls.length > 0;
    },
    text: (output) => output.map((i) => i.content?.[0]?.text ?? '').join(''),
  };
  const chat = {
    defs: tools.map((t) => ({ type: 'function', function: { name: t.name, description: t.description, parameters: t.schema } })),
    async turn(messages, stream, onDelta) {
      const body = { model, messages, ...(tools.length && { tools: chat.defs }) };
      if (!stream) return (await client.chat.completions.create(body)).choices[0].message;
      const message = { role: 'assistant', content: '', tool_calls: [] };
      for await (const chunk of await client.chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } })) {
        const delta = chunk.choices[0]?.delta;
        if (delta?.content) { message.content += delta.content; onDelta(delta.content); }
        for (const t of delta?.tool_calls ?? [])
          if (t.id) message.tool_calls[t.index] = { id: t.id, type: 'function', function: { ...t.function } };
          else message.tool_calls[t.index].function.arguments += t.function.arguments;
      }
      return message;
    },
    async answer(messages, { content, tool_calls: calls = [] }) {
      messages.push({ role: 'assistant', content, ...(calls.length && { tool_calls: calls }) }, ...(await Promise.all(calls.map(async (c) => ({ role: 'tool', tool_call_id: c.id, content: await call(c.function.name, c.function.arguments) })))));
      return calls.length > 0;
    },
    text: (message) => message.content,
  };
  const { turn, answer, text } = wire === 'chat' ? chat : responses;
  return {
    async run({ stream, prompt, history, onDelta }) {
      const messages = start(history, prompt);
      for (;;) {
        const said = await turn(messages, stream, onDelta);
        if (!(await answer(messages, said))) return text(said);
      }
    },
  };
}
