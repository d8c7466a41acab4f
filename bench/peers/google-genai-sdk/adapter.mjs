// The provider SDK with a loop by hand.
import { GoogleGenAI } from '@google/genai';

export async function create({ base, tools }) {
  const { models } = new GoogleGenAI({ apiKey: 'x', httpOptions: { baseUrl: base } });
  const config = tools.length ? { tools: [{ functionDeclarations: tools.map((t) => ({ name: t.name, description: t.description, parametersJsonSchema: t.schema })) }] } : {};
  return {
    async run({ stream, prompt, history, onDelta }) {
      const contents = [...history.map((m) => ({ role: m.role === 'user' ? 'user' : 'model', parts: [{ text: m.text }] })), { role: 'user', parts: [{ text: prompt }] }];
      for (;;) {
        const request = { model: 'gemini-mock', contents, config }, parts = [];
        if (!stream) parts.push(...(await models.generateContent(request)).candidates[0].content.parts);
        else for await (const chunk of await models.generateContentStream(request))
          for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {
            if (part.text) onDelta(part.text);
            parts.push(part);
          }
        const calls = parts.flatMap((p) => p.functionCall ?? []);
        if (!calls.length) return parts.map((p) => p.text ?? '').join('');
        const results = await Promise.all(calls.map(async (c) => ({ functionResponse: { id: c.id, name: c.name, response: { output: JSON.stringify(await tools.find((t) => t.name === c.name).execute(c.args)) } } })));
        contents.push({ role: 'model', parts }, { role: 'user', parts: results });
      }
    },
  };
}
