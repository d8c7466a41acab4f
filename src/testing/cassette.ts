/** A cassette: a JSON Lines file of requests and the answers they got, one exchange a line, without secrets. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { CassetteRequest } from "./cassette/canonical.ts";

export interface CassetteResponse {
  readonly status: number;
  /** The few that a client may act on. */
  readonly headers: { readonly [name: string]: string };
  readonly body: { readonly text: string } | { readonly base64: string };
  /** "broken": the connection died. "left": the client went away, or stopped reading. */
  readonly end: "whole" | "broken" | "left";
  /** Milliseconds since the answer began, and bytes, of each piece. Only where it was asked for, and no secret stood in the body. */
  readonly pace?: readonly (readonly [ms: number, bytes: number])[];
}

export interface Interaction {
  readonly request: CassetteRequest;
  readonly response: CassetteResponse;
}

/** A cassette that cannot be read, or must not be written. */
export class CassetteError extends Error {
  override readonly name = "CassetteError";
  readonly code: "testing.cassette.invalid" | "testing.cassette.secret";
  /** The file, with its line where there is one. */
  readonly path: string;
  constructor(code: CassetteError["code"], path: string, message: string) {
    super(`${path}: ${message}`);
    this.code = code;
    this.path = path;
  }
}

const header = { geny_cassette: 1 };

/** Replaces the file in one step: a reader sees the old one or the new one. Its folder is made. */
export async function writeCassette(file: string, interactions: readonly Interaction[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.part`;
  await writeFile(part, [header, ...interactions].map((line) => `${JSON.stringify(line)}\n`).join(""));
  await rename(part, file);
}

/** @throws CassetteError when the file is no cassette; the system's error when it cannot be read. */
export async function readCassette(file: string): Promise<readonly Interaction[]> {
  const [first = "", ...lines] = (await readFile(file, "utf8")).split("\n").filter(Boolean);
  const version = (parsed(first, `${file}:1`) as { readonly geny_cassette?: unknown } | null)?.geny_cassette;
  if (version !== header.geny_cassette) {
    throw new CassetteError(
      "testing.cassette.invalid",
      `${file}:1`,
      'not a cassette of this version; record it anew, its first line is {"geny_cassette":1}',
    );
  }
  return lines.map((line, i) => interaction(parsed(line, `${file}:${i + 2}`), `${file}:${i + 2}`));
}

function parsed(line: string, path: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) throw new CassetteError("testing.cassette.invalid", path, `no JSON: ${error.message}`);
    throw error;
  }
}

function interaction(value: unknown, path: string): Interaction {
  const { request, response } = (value ?? {}) as Partial<Interaction>;
  const wrong =
    typeof request?.method !== "string" || typeof request.path !== "string"
      ? "request.method and request.path must be texts"
      : typeof response?.status !== "number" || !response.body
        ? "response.status must be a number, and response.body an object"
        : !["whole", "broken", "left"].includes(response.end)
          ? 'response.end must be "whole", "broken" or "left"'
          : null;
  if (wrong) throw new CassetteError("testing.cassette.invalid", path, wrong);
  return value as Interaction;
}

export const bodyBytes = ({ body }: CassetteResponse): Buffer =>
  "text" in body ? Buffer.from(body.text, "utf8") : Buffer.from(body.base64, "base64");
