/** A server as a process of ours: messages over its input and output, one a line. It is ended together with all that it started. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import type { JSONRPCMessage, ReadBuffer, Transport } from "@modelcontextprotocol/client";
import { asError } from "../contract/errors.ts";
import { harmless } from "../contract/harmless.ts";
import { redacted, type StdioServer } from "../contract/mcp.ts";
import { endGroup, keepGroup } from "../contract/process-group.ts";

/** Milliseconds that a server may take to end by itself once its input is closed, as the protocol wants it. */
const LEAVE = 1000;
/** Characters of its error output that are kept, for whoever asks why it failed. */
const KEPT = 2000;
/** Bytes that may wait for it to read them while it asks for more. */
const UNREAD = 10 * 2 ** 20;

export interface Framing {
  readonly ReadBuffer: new () => ReadBuffer;
  serializeMessage(message: JSONRPCMessage): string;
}

export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #server: StdioServer;
  readonly #framing: Framing;
  readonly #buffer: ReadBuffer;
  #child: ChildProcessWithoutNullStreams | undefined;
  #words = "";
  #ended: Promise<void> | undefined;

  constructor(server: StdioServer, framing: Framing) {
    this.#server = server;
    this.#framing = framing;
    this.#buffer = new framing.ReadBuffer();
  }

  /** The newest part of its error output, without secrets. The client knows by this name, and by `pid`, that it talks to a process. */
  get stderr(): string {
    return this.#words.slice(-KEPT);
  }
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Rejects when the process cannot be started, and once it was closed. */
  async start(): Promise<void> {
    const { command, args, env, secrets } = this.#server;
    const kept = KEPT + (secrets[0]?.length ?? 0); // the longest one may still be coming
    const { spawn } = await import("node:child_process");
    if (this.#ended) throw gone();
    const detached = process.platform !== "win32";
    const child = spawn(command, args, { env: { ...harmless(process.env), ...env }, detached, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    if (child.pid !== undefined) keepGroup(child.pid);
    child.on("error", (error) => this.onerror?.(error));
    child.stdin.on("error", () => {}); // it has ended: its exit says so
    child.stdout.on("data", (piece: Buffer) => this.#read(piece));
    child.stdout.on("error", (error) => this.onerror?.(error));
    child.stdout.once("end", () => void this.close()); // it says nothing more, though it may live on
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      this.#words = redacted(this.#words + piece, secrets).slice(-kept);
    });
    child.once("exit", () => void this.close());
    await new Promise((ok, no) => child.once("spawn", () => ok(undefined)).once("error", no));
  }

  send(message: JSONRPCMessage): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { stdin } = this.#child ?? {};
    const answers = !("method" in message);
    if (answers && stdin && stdin.writableLength > UNREAD) void this.close(); // it asks, and does not read
    if (!stdin?.writable) reject(gone());
    else stdin.write(this.#framing.serializeMessage(message), (error) => (error ? reject(gone()) : resolve()));
    return promise;
  }

  /** Settles when nothing of the process's group is left. */
  close(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined) {
      const left = Promise.withResolvers<void>();
      child.once("close", left.resolve);
      child.stdin.end();
      const waited = setTimeout(left.resolve, LEAVE);
      await left.promise;
      clearTimeout(waited);
      await endGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
    }
    this.#buffer.clear();
    this.onclose?.();
  }

  #read(piece: Buffer): void {
    try {
      this.#buffer.append(piece);
    } catch (error) {
      this.onerror?.(asError(error));
      void this.close(); // a message of more than 10 MB
      return;
    }
    for (let more = true; more; )
      try {
        const message = this.#buffer.readMessage();
        if (message) this.onmessage?.(message);
        more = message !== null;
      } catch (error) {
        this.onerror?.(asError(error)); // a line that is no message
      }
  }
}

/** As the SDK says it of a connection that is there no more. */
const gone = (): Error => Object.assign(new Error("The server's process has ended."), { code: "CONNECTION_CLOSED" });
