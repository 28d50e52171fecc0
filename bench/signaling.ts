// Our signaling server and PeerServer (npm `peer`), side by side in one run: memory of idle sockets, how many join in a
// second, and how long relayed messages take. Clients are `ws` in this process; limits that one address would meet are
// lifted. PeerServer is no dependency: it is installed beside the caches the first time.

import { randomBytes } from 'node:crypto';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { root } from '../.ci/prepare.mjs';
import { privateBytes } from '../e2e/processes.ts';
import { median, round } from './measure.ts';

const PEER_VERSION = '1.0.2';
const AT_ONCE = 50;
const MESSAGE_CHARS = 1_500;
const PAIRS = 50;

interface Kind {
  readonly name: string;
  command(port: number): readonly string[];
  /** Opens a socket that is in; `i` names the client, of each two one meets the other. */
  enter(port: number, i: number): Promise<WebSocket>;
  /** What client `i` sends so that the other of its pair gets `text`. */
  message(i: number, text: string): string;
}

const run10 = randomBytes(10).toString('hex').slice(0, 10);
/** A peer id: 16 bytes in base64url. */
const peerId = (i: number) => Buffer.from(`${run10}${String(i).padStart(6, '0')}`).toString('base64url');

async function opened(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

const ours: Kind = {
  name: 'doorstep',
  command: (port) => {
    const limits = [
      'sockets-per-address',
      'joins-per-minute',
      'rooms-per-minute',
      'messages-per-second',
      'message-burst',
    ];
    const lifted = limits.flatMap((limit) => [`--${limit}`, '1000000']);
    return [join(root, 'build', 'main.js'), '--port', String(port), ...lifted];
  },
  async enter(port, i) {
    const socket = await opened(`ws://127.0.0.1:${port}/signal`);
    socket.send(JSON.stringify({ type: 'join', room: peerId(i >> 1), peer: peerId(i), token: peerId(i) }));
    await once(socket, 'message');
    return socket;
  },
  message: (i, text) => JSON.stringify({ type: 'send', to: peerId(i ^ 1), box: text }),
};

const cache = join(root, 'node_modules', '.cache', 'doorstep', 'peer');
const peerServer: Kind = {
  name: 'peer',
  command: (port) => [
    join(cache, 'node_modules', 'peer', 'dist', 'bin', 'peerjs.js'),
    ...['--host', '127.0.0.1', '--port', String(port), '--path', '/'],
    ...['--concurrent_limit', '100000', '--alive_timeout', '3600000'],
  ],
  async enter(port, i) {
    const token = peerId(i);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/peerjs?key=peerjs&id=${peerId(i)}&token=${token}`);
    const [said] = (await once(socket, 'message')) as [Buffer];
    if (!said.toString().includes('OPEN')) throw new Error(`PeerServer said ${said.toString()}`);
    return socket;
  },
  message: (i, text) => JSON.stringify({ type: 'CANDIDATE', dst: peerId(i ^ 1), payload: text }),
};

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

async function start(kind: Kind): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort();
  const child = spawn(process.execPath, kind.command(port), { stdio: 'ignore' });
  for (let tries = 0; tries < 500; tries++) {
    const socket = connect(port, '127.0.0.1');
    const isUp = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isUp) return { child, port };
    await sleep(20);
  }
  throw new Error(`${kind.name} does not start`);
}

async function enterAll(kind: Kind, port: number, from: number, to: number): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  for (let i = from; i < to; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, to - i) }, (_, k) => kind.enter(port, i + k));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Sends so many messages a second, spread over the sockets, for so long; the milliseconds each took. */
async function relay(kind: Kind, sockets: readonly WebSocket[], perSecond: number, seconds: number): Promise<number[]> {
  const sentAt: number[] = [];
  const tookMs: number[] = [];
  for (const socket of sockets) {
    socket.on('message', (data: Buffer) => {
      const [, number] = /(\d+)_A/.exec(data.toString()) ?? [];
      const at = number && sentAt[Number(number)];
      if (at) tookMs.push(performance.now() - at);
    });
  }
  const startMs = performance.now();
  const total = perSecond * seconds;
  while (sentAt.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1000) * perSecond));
    while (sentAt.length < due) {
      const n = sentAt.length;
      const i = n % sockets.length;
      const text = `${n}_`.padEnd(MESSAGE_CHARS, 'A');
      sentAt.push(performance.now());
      sockets[i]?.send(kind.message(i, text));
    }
    await sleep(1);
  }
  await sleep(1_000);
  if (tookMs.length < total) throw new Error(`${kind.name} lost ${total - tookMs.length} of ${total} messages`);
  return tookMs.sort((a, b) => a - b);
}

interface Measured {
  readonly bytesPerSocket: number;
  readonly joinsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure(kind: Kind, count: number, seconds: number): Promise<Measured> {
  const { child, port } = await start(kind);
  const pid = String(child.pid);
  const sockets: WebSocket[] = [];
  try {
    // Everything that is loaded or compiled at first use is not what a socket costs.
    const pairs = await enterAll(kind, port, 0, 2 * PAIRS);
    sockets.push(...pairs);
    await relay(kind, pairs, 500, 2);
    await sleep(2_000);
    const before = await privateBytes(pid);
    const startMs = performance.now();
    sockets.push(...(await enterAll(kind, port, 2 * PAIRS, 2 * PAIRS + count)));
    const joinsPerSecond = round(count / ((performance.now() - startMs) / 1000), 0);
    await sleep(3_000);
    const bytesPerSocket = round(((await privateBytes(pid)) - before) / count, 0);
    const tookMs = await relay(kind, pairs, 1_000, seconds);
    const at = (share: number) => round(tookMs[Math.floor(tookMs.length * share)] ?? NaN);
    return { bytesPerSocket, joinsPerSecond, p50Ms: at(0.5), p99Ms: at(0.99) };
  } finally {
    for (const socket of sockets) socket.terminate();
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

export async function run(args: string[]): Promise<void> {
  const options = {
    sockets: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '2' },
  } as const;
  const { values } = parseArgs({ args, options });
  if (!existsSync(cache)) {
    const install = [
      'install',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--prefix',
      cache,
      `peer@${PEER_VERSION}`,
    ];
    spawnSync('npm', install, { stdio: 'inherit' });
  }
  const kinds = [ours, peerServer];
  const found = new Map<Kind, Measured[]>(kinds.map((kind) => [kind, []]));
  for (let at = 0; at < Number(values.rounds); at++) {
    for (const kind of kinds) {
      const measured = await measure(kind, Number(values.sockets), Number(values.seconds));
      console.log(kind.name, measured);
      found.get(kind)?.push(measured);
    }
  }
  const medians = ([kind, all]: [Kind, Measured[]]) => {
    const of = (pick: (one: Measured) => number) => round(median(all.map(pick)));
    const [bytesPerSocket, joinsPerSecond] = [of((one) => one.bytesPerSocket), of((one) => one.joinsPerSecond)];
    return [
      kind.name,
      { bytesPerSocket, joinsPerSecond, p50Ms: of((one) => one.p50Ms), p99Ms: of((one) => one.p99Ms) },
    ];
  };
  const sockets = Number(values.sockets);
  console.log(JSON.stringify({ bench: 'signaling', sockets, ...Object.fromEntries([...found].map(medians)) }));
}
