/** What the tests of the wires share: a plain request, how to ask and to fail, and a server of any kind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { APIError, type Message, type ModelEvent, type ModelRequest, modelRequest } from "geny-executor";

export const never = new AbortController().signal;
export const said = (role: Message["role"], content: Message["content"]): Message => ({ id: "x", origin: "user", role, content });
export const plain: ModelRequest = modelRequest({
  model: "local-model",
  messages: [said("user", "Say hi")],
  maxTokens: 1024,
  purpose: "api",
});

export const failing = async (running: Promise<unknown>): Promise<APIError> => {
  const error = await running.then(
    (value) => assert.fail(`it did not fail: ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof APIError, String(error));
  return error;
};
export const drain = async (events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> => {
  const out: ModelEvent[] = [];
  for await (const event of events) out.push(event);
  return out;
};
export const notices = (events: readonly ModelEvent[]) =>
  events.flatMap((e) => (e.type === "notice" ? [{ notice: e.notice, ...e.data }] : []));

export const serve = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address && typeof address === "object");
  return {
    server,
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
