// The real server process, on a port of its own.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Everybody in a test comes from one address. */
const CROWD = ['--sockets-per-address', '1000', '--joins-per-minute', '10000', '--rooms-per-minute', '10000'];

export class Server {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, process: ChildProcess) {
    this.port = port;
    this.#process = process;
  }

  /** Starts the built server; port 0 is any free one. `more`: further flags. `env`: settings of its own. */
  static async start(
    port = 0,
    more: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Server> {
    const main = fileURLToPath(new URL('../build/main.js', import.meta.url));
    const args = [main, '--port', String(port), ...CROWD, ...more];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    for await (const line of createInterface(child.stdout)) {
      const found = /http:\/\/[^:]+:(\d+)/.exec(line);
      if (found) return new Server(Number(found[1]), child);
    }
    throw new Error('the server ended before it listened');
  }

  get url(): string {
    return `http://localhost:${this.port}/`;
  }

  /** Stops answering without closing anything, until `thaw`. */
  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  /** Resolves with the exit code. */
  async stop(signal: 'SIGINT' | 'SIGKILL' = 'SIGKILL'): Promise<number | null> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return this.#process.exitCode;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
    return this.#process.exitCode;
  }
}
