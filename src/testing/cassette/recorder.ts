/** Wraps `fetch` so that what it asks and what it is answered ends up in a cassette. */
import { performance } from "node:perf_hooks";
import { CassetteError, type CassetteResponse, type Interaction, writeCassette } from "../cassette.ts";
import { bytesBody, canonical } from "./canonical.ts";
import { scrub, secretsOf } from "./redact.ts";

export interface RecorderOptions {
  /** Replaced with the first exchange. One recorder a file. */
  readonly file: string;
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch;
  /** Keep when each piece came, so that playing takes as long. Default false. */
  readonly timing?: boolean;
}

export type Recorder = typeof globalThis.fetch &
  AsyncDisposable & {
    /**
     * Resolves when every exchange whose answer has come to its end is in the file.
     * @throws CassetteError when a secret could not be kept out (that exchange is left out); the system's error when the file cannot be written.
     */
    written(): Promise<void>;
  };

/**
 * A `fetch` that records. Credentials (headers such as `authorization`, `x-api-key`, `x-goog-api-key`, `cookie`; `key=` and the like in the
 * query) are left out, also where a body repeats them. An exchange is written when its answer has been read, or given up; one that had no answer is not.
 */
export function recorder(options: RecorderOptions): Recorder {
  const inner = options.fetch ?? globalThis.fetch;
  const slots: (Interaction | undefined)[] = [];
  let writing = Promise.resolve();
  let failed: { readonly error: unknown } | null = null;
  const keep = (slot: number, make: () => Interaction): void => {
    writing = writing
      .then(() => {
        slots[slot] = make();
        return writeCassette(
          options.file,
          slots.filter((one) => one !== undefined),
        );
      })
      .catch((error: unknown) => {
        failed ??= { error };
      });
  };
  const record = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const slot = slots.push(undefined) - 1;
    const request = new Request(input, init);
    const body = new Uint8Array(await request.arrayBuffer());
    const { method, url, headers, signal, redirect } = request;
    const answer = await inner(url, { ...init, method, headers, signal, redirect, ...(body.length && { body }) });
    const raw = { method, url, headers: [...headers], body };
    return watched(answer, options.timing === true, (heard) => keep(slot, () => interactionOf(raw, answer, heard, options.file)));
  };
  const written = async (): Promise<void> => {
    await writing;
    if (failed) throw failed.error;
  };
  return Object.assign(record, { written, [Symbol.asyncDispose]: written });
}

interface Heard {
  readonly bytes: Uint8Array;
  readonly end: CassetteResponse["end"];
  readonly pace: CassetteResponse["pace"];
}

/** The same answer; `heard` is told once, when its body has ended or is given up. */
function watched(answer: Response, timing: boolean, heard: (what: Heard) => void): Response {
  const chunks: Uint8Array[] = [];
  const pace: [number, number][] = [];
  const since = performance.now();
  const end = (how: Heard["end"]): void => heard({ bytes: Buffer.concat(chunks), end: how, pace: timing ? pace : undefined });
  const reader = answer.body?.getReader();
  if (!reader) {
    end("whole");
    return answer;
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          controller.close();
          end("whole");
          return;
        }
        chunks.push(value);
        pace.push([Math.round(performance.now() - since), value.length]);
        controller.enqueue(value);
      } catch (error) {
        controller.error(error);
        end("broken");
      }
    },
    cancel(reason) {
      end("left");
      return reader.cancel(reason);
    },
  });
  const { status, statusText, headers, url } = answer;
  return Object.defineProperty(new Response(body, { status, statusText, headers }), "url", { value: url });
}

const keptHeaders = /^(content-type|retry-after(-ms)?|x-should-retry|(x-)?request-id|.*ratelimit.*)$/;

function interactionOf(raw: Parameters<typeof canonical>[0], { status, headers }: Response, heard: Heard, file: string): Interaction {
  const { request, secrets } = canonical(raw);
  const given = [...headers].flatMap(([name, value]): [string, string][] =>
    name === "set-cookie" ? [[name, value.split(";")[0] ?? ""]] : [[name, value]],
  );
  const clean = scrub([...secrets, ...secretsOf(new URL("http://h/"), given)]);
  const bytes = clean.bytes(heard.bytes);
  const same = Buffer.compare(bytes, heard.bytes) === 0;
  const response = {
    status,
    headers: Object.fromEntries([...headers].filter(([name]) => keptHeaders.test(name)).map(([name, value]) => [name, clean.text(value)])),
    body: bytesBody(bytes),
    end: heard.end,
    ...(heard.pace && same && { pace: heard.pace }),
  };
  const interaction = {
    request: { ...request, body: request.body && "json" in request.body ? { json: clean.json(request.body.json) } : request.body },
    response,
  };
  if (clean.leaks(JSON.stringify(interaction))) {
    throw new CassetteError(
      "testing.cassette.secret",
      file,
      `a secret of ${request.method} ${request.path} could not be kept out, so the exchange is not recorded`,
    );
  }
  return interaction;
}
