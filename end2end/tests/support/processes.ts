/** Starts the compiled binaries that the tests talk to, and ends them by their process id. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Where cargo puts what it builds. */
export const target = path.resolve(root, process.env["CARGO_TARGET_DIR"] ?? "target");

/** Where the programs are: `ROLLCALL_BIN_DIR`, or what cargo built last in debug. */
export const binaries = path.resolve(root, process.env["ROLLCALL_BIN_DIR"] ?? path.join(target, "debug"));

export interface StartOptions {
  args?: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** The line, of either stream, that says it is ready. */
  ready: RegExp;
  /** How long that may take, in milliseconds. */
  timeoutMs?: number;
}

export interface Running {
  pid: number;
  /** What `ready` matched. */
  ready: RegExpMatchArray;
  /** Everything it has written so far, both streams. */
  output(): string;
  /** SIGTERM, and SIGKILL after five seconds; gives the exit code. */
  stop(): Promise<number | null>;
}

/** Starts `binary` and waits for its ready line; fails with its output when that does not come. */
export async function start(binary: string, options: StartOptions): Promise<Running> {
  const child = spawn(binary, options.args ?? [], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const written: string[] = [];
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new Error(`${binary}: ${error.message}`)));
    child.once("exit", (code, signal) =>
      reject(new Error(`${binary} ended (${code ?? signal}) before it was ready:\n${written.join("\n")}`)),
    );
  });
  // Nobody listens to this any more once it is ready.
  failed.catch(() => undefined);
  const found = new Promise<RegExpMatchArray>((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        written.push(line);
        const match = line.match(options.ready);
        if (match) resolve(match);
      });
    }
  });
  const limit = new AbortController();
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${binary} was not ready in time:\n${written.join("\n")}`));
    }, options.timeoutMs ?? 20_000);
    limit.signal.addEventListener("abort", () => clearTimeout(timer));
  });
  try {
    const ready = await Promise.race([found, failed, late]);
    if (child.pid === undefined) throw new Error(`${binary} has no process id`);
    return { pid: child.pid, ready, output: () => written.join("\n"), stop: () => stop(child) };
  } finally {
    limit.abort();
  }
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await exited;
  clearTimeout(timer);
  return child.exitCode;
}

export interface Sandbox extends Running {
  /** `http://127.0.0.1:PORT` */
  base: string;
  host: string;
  port: number;
  smtp: { host: string; port: number };
  /** A control request; fails unless it is answered with 2xx. */
  control(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<any>;
}

/** The pretend world on free ports: `SANDBOX_BIN`, or the one beside the other programs. */
export async function startSandbox(args: string[] = []): Promise<Sandbox> {
  const binary = process.env["SANDBOX_BIN"] ?? path.join(binaries, "sandbox");
  const running = await start(binary, {
    args: ["--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0", ...args],
    ready: /^sandbox: http:\/\/([^:]+):(\d+) smtp:\/\/([^:]+):(\d+)$/,
  });
  const [, host = "", port = "", smtpHost = "", smtpPort = ""] = running.ready;
  const base = `http://${host}:${port}`;
  return {
    ...running,
    base,
    host,
    port: Number(port),
    smtp: { host: smtpHost, port: Number(smtpPort) },
    async control(method, path, body) {
      const response = await fetch(`${base}/_sandbox/${path}`, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return JSON.parse(text);
    },
  };
}
