/** Bytes into lines of text. Linear in the bytes, whatever their pieces; a line has a longest length. */
import { APIError } from "../../contract/errors.ts";
import type { Environment } from "../lanes.ts";

export interface LineReader {
  /** Hands on every line that is whole now. Throws `exec.cli.protocol_error` for a line that is too long. */
  push(piece: Uint8Array): void;
  /** Hands on what stands after the last line break. */
  end(): void;
}

/** Bytes; GENY_CLI_STREAM_LIMIT, or 32 MiB. */
export const lineLimit = (env: Environment): number => {
  const given = Number.parseInt(env.GENY_CLI_STREAM_LIMIT ?? "", 10);
  return given > 0 ? given : 32 << 20;
};

export const lineReader = (limit: number, take: (line: string) => void): LineReader => {
  let open: Uint8Array[] = [];
  let size = 0;
  const keep = (piece: Uint8Array) => {
    size += piece.length;
    if (size > limit)
      throw new APIError(`claude_code_cli: a line is longer than ${limit} bytes. Set GENY_CLI_STREAM_LIMIT for more.`, {
        code: "exec.cli.protocol_error",
        details: { limit },
      });
    open.push(piece);
  };
  const flush = () => {
    const line = Buffer.concat(open).toString("utf8");
    open = [];
    size = 0;
    take(line);
  };
  return {
    push(piece) {
      let from = 0;
      for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, from)) {
        keep(piece.subarray(from, at));
        from = at + 1;
        flush();
      }
      if (from < piece.length) keep(piece.subarray(from));
    },
    end() {
      if (size) flush();
    },
  };
};
