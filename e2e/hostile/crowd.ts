// The real server process among crowds that mean harm (mob.ts) and honest people: how long those take to join, and what
// memory the server holds.

import { fork, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';

export const HEADER = 'X-Real-IP';
export const id = () => randomBytes(16).toString('base64url');
const address = (net: number) => `10.${(net >> 16) & 255}.${(net >> 8) & 255}.${net & 255}`;
export const anyAddress = (networks: number) => address(Math.floor(Math.random() * networks));
export const headersOf = (from: string) => ({ headers: { [HEADER]: from } });
export const join = (room: string, peer = id()) => JSON.stringify({ type: 'join', room, peer, token: id() });
export const box = (to: string, bytes: number) => JSON.stringify({ type: 'send', to, box: 'A'.repeat(bytes) });

/** The built server, with a debugger through which its garbage can be collected and its memory asked for. */
export class WatchedServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #debugger: WebSocket;
  #calls = 0;

  private constructor(port: number, child: ChildProcess, debug: WebSocket) {
    this.port = port;
    this.#child = child;
    this.#debugger = debug;
  }

  static async start(flags: readonly string[] = []): Promise<WatchedServer> {
    const main = fileURLToPath(new URL('../../build/main.js', import.meta.url));
    const args = ['--inspect=127.0.0.1:0', main, '--port', '0', '--address-header', HEADER, ...flags];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
    const find = async (pattern: RegExp) => {
      for (let tries = 0; tries < 500; tries++) {
        const found = pattern.exec(said)?.[1];
        if (found) return found;
        await sleep(20);
      }
      throw new Error(`the server does not start: ${said}`);
    };
    const port = Number(await find(/localhost:(\d+) /));
    const debug = new WebSocket(await find(/listening on (ws:\S+)/));
    await once(debug, 'open');
    return new WatchedServer(port, child, debug);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/signal`;
  }

  get isUp(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Bytes it holds once its garbage is collected: heap and buffers; and what the system counts as its own. */
  async memory(): Promise<{ held: number; resident: number }> {
    await this.#call('HeapProfiler.collectGarbage', {});
    const expression = 'JSON.stringify(process.memoryUsage())';
    const { result } = (await this.#call('Runtime.evaluate', { expression })) as { result: { value: string } };
    const { heapUsed, external, rss } = JSON.parse(result.value) as Record<'heapUsed' | 'external' | 'rss', number>;
    return { held: heapUsed + external, resident: rss };
  }

  async stop(): Promise<void> {
    this.#debugger.terminate();
    if (!this.isUp) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #call(method: string, params: object): Promise<unknown> {
    const call = ++this.#calls;
    this.#debugger.send(JSON.stringify({ id: call, method, params }));
    for (;;) {
      const [data] = (await once(this.#debugger, 'message')) as [Buffer];
      const answer = JSON.parse(data.toString()) as { id?: number; result?: unknown };
      if (answer.id === call) return answer.result;
    }
  }
}

/** Who attacks how, and for how long. */
export interface Assault {
  readonly kind: (typeof kinds)[number];
  readonly port: number;
  readonly ms: number;
  /** How many at a time. */
  readonly hands: number;
}

export const kinds = [
  'connect flood',
  'join flood',
  'slow readers',
  'giant frames',
  'fragments',
  'garbage',
  'room squatting',
  'half-open sockets',
] as const;

/** The process in which attackers live. */
export class Mob {
  readonly #process = fork(fileURLToPath(new URL('./mob.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });

  /** Resolves with how often they attacked. */
  async attack(assault: Assault): Promise<number> {
    this.#process.send(assault);
    const [count] = (await once(this.#process, 'message')) as [number];
    return count;
  }

  stop(): void {
    this.#process.kill();
  }
}

/** Honest people are of other networks than attackers, each of one of their own. */
let honestNetwork = 2 ** 22;

/** Two people of networks of their own meet in a new room and exchange boxes. Resolves with how long each took to join. */
async function meet(server: WatchedServer): Promise<number[]> {
  const sockets: WebSocket[] = [];
  try {
    const room = id();
    const enter = async (peer: string) => {
      const startMs = performance.now();
      const socket = new WebSocket(server.url, headersOf(address(honestNetwork++)));
      sockets.push(socket);
      await once(socket, 'open');
      socket.send(join(room, peer));
      const [data] = (await once(socket, 'message')) as [Buffer];
      if (!data.toString().startsWith('{"type":"joined"')) throw new Error(`an honest join got ${data.toString()}`);
      return { socket, ms: performance.now() - startMs };
    };
    const [alice, bob] = [id(), id()];
    const one = await enter(alice);
    const arrived = once(one.socket, 'message');
    const other = await enter(bob);
    await arrived;
    for (let i = 0; i < 4; i++) {
      for (const [from, to, peer] of [
        [one.socket, other.socket, bob],
        [other.socket, one.socket, alice],
      ] as const) {
        const heard = once(to, 'message');
        from.send(box(peer, 1_500));
        await heard;
      }
    }
    return [one.ms, other.ms];
  } finally {
    for (const socket of sockets) socket.terminate();
  }
}

export interface Endured {
  /** How often there was an attack, how often somebody joined, and how long that took. */
  readonly attacks: number;
  readonly joins: number;
  readonly p95Ms: number;
}

/** Honest people meet, one pair after the other, for `ms` milliseconds; under attack, if of a kind. */
export async function endure(server: WatchedServer, ms: number, mob?: Mob, kind?: Assault['kind']): Promise<Endured> {
  const untilMs = performance.now() + ms;
  const attacked = kind && mob?.attack({ kind, port: server.port, ms, hands: 16 });
  const joinsMs: number[] = [];
  while (performance.now() < untilMs) {
    joinsMs.push(...(await meet(server)));
    await sleep(20);
  }
  joinsMs.sort((a, b) => a - b);
  const p95Ms = joinsMs[Math.floor(joinsMs.length * 0.95)] ?? NaN;
  return { attacks: (await attacked) ?? 0, joins: joinsMs.length, p95Ms };
}
