/** Serves a cassette back: each recording once, to the request it was made of. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { bodyBytes, type CassetteResponse, type Interaction, readCassette } from "../cassette.ts";
import { canonical, drift, type RawRequest } from "./canonical.ts";

export interface Playback {
  /** The recording of such a request, the first not played yet; or what differs from the nearest one. */
  take(request: RawRequest): { readonly index: number; readonly response: CassetteResponse } | { readonly problem: string };
  /** What was not asked for. */
  left(): readonly string[];
}

const most = 10;
const limitMs = 30_000;

/** `ignore` names paths that may differ, such as `body.metadata.user_id`. @throws CassetteError when the file is no cassette. */
export async function playback(file: string, ignore: readonly string[] = []): Promise<Playback> {
  const recordings = await readCassette(file);
  const played = new Set<number>();
  const name = (index: number, { request }: Interaction): string => `recording ${index} (${request.method} ${request.path})`;
  return {
    take(raw) {
      const { request } = canonical(raw);
      const open = [...recordings.entries()].filter(([index]) => !played.has(index));
      const compared = open.map(([index, one]) => ({ index, one, differs: drift(one.request, request, ignore) }));
      const fit = compared.find(({ differs }) => !differs.length);
      if (fit) {
        played.add(fit.index);
        return { index: fit.index, response: fit.one.response };
      }
      const [nearest] = compared.sort((a, b) => rank(a.differs) - rank(b.differs) || a.index - b.index);
      const asked = `${request.method} ${request.path}`;
      if (!nearest) return { problem: `no recording is left for ${asked}: all ${recordings.length} of ${file} were played` };
      const rest = nearest.differs.length > most ? [`and ${nearest.differs.length - most} more`] : [];
      const lines = [...nearest.differs.slice(0, most), ...rest].map((line) => `\n  ${line}`).join("");
      return { problem: `no recording fits ${asked}. What differs from ${name(nearest.index, nearest.one)}:${lines}` };
    },
    left: () =>
      [...recordings.entries()].filter(([index]) => !played.has(index)).map(([index, one]) => `${name(index, one)} was not asked for`),
  };
}

/** Another path is further than any other body. */
const rank = (differs: readonly string[]): number => differs.length + (differs.some((line) => /^(?:path|method):/.test(line)) ? 1e6 : 0);

/** Resolves with "cut" when the recorded connection died, else "sent". Rejects with an AbortError when the signal ends it before. */
export async function play(res: ServerResponse, response: CassetteResponse, signal: AbortSignal): Promise<"sent" | "cut"> {
  const bytes = bodyBytes(response);
  const pace = response.pace ?? [[0, bytes.length] as const];
  res.writeHead(response.status, { ...response.headers });
  res.flushHeaders();
  let at = 0;
  let clock = 0;
  for (const [ms, size] of pace) {
    if (ms > clock) await sleep(ms - clock, undefined, { signal });
    clock = Math.max(clock, ms);
    const piece = bytes.subarray(at, at + size);
    if (piece.length && !res.write(piece)) await once(res, "drain", { signal });
    at += size;
  }
  if (response.end === "whole") {
    res.end();
    return "sent";
  }
  // The one who left will leave again; the connection that died dies once the bytes are out.
  await (response.end === "left" ? sleep(limitMs, undefined, { signal }) : flushed(res));
  res.destroy();
  return "cut";
}

const flushed = (res: ServerResponse): Promise<void> => new Promise((resolve) => res.write("", () => setImmediate(resolve)));
