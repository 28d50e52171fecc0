// Crowds that mean harm, in a process of their own, so that they slow down nobody who measures. Every attacker is of its own
// network, as far as the server can tell: from one address nothing of this would get far. Told {kind, port, ms, hands}, it
// attacks for so long and answers how often; kinds and what each does are in `attacks`.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { anyAddress, box, headersOf, HEADER, id, join, type Assault } from './crowd.ts';

/** At most so many sockets are held by those that stay. */
const MAX_HELD = 2_000;
/** Lets go of what somebody held. */
type Release = () => void;
/** What an attacker does once, again and again; whatever stays is put into `held`. */
type Attack = (port: number, held: Release[]) => Promise<void>;

/** A socket that complains to nobody, opened or given up. */
async function open(port: number, from: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/signal`, headersOf(from));
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => ['open', 'close'].forEach((event) => socket.once(event, () => resolve())));
  return socket;
}

/** A connection that speaks for itself, with a WebSocket upgraded on it. */
async function raw(port: number, from: string) {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  const lines = [
    'GET /signal HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `${HEADER}: ${from}`,
  ];
  const key = randomBytes(16).toString('base64');
  socket.write([...lines, 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${key}`, '', ''].join('\r\n'));
  await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => undefined);
  return socket.resume();
}

/** The server remembers each for a minute, honest or not. */
const NETWORKS = 300;

const attacks: Record<Assault['kind'], Attack> = {
  'connect flood': async (port) => (await open(port, anyAddress(NETWORKS))).terminate(),
  'join flood': async (port) => {
    const socket = await open(port, anyAddress(NETWORKS));
    if (socket.readyState === socket.OPEN) socket.send(join(id()));
    await sleep(5);
    socket.terminate();
  },
  'slow readers': async (port) => {
    const [room, peer, from] = [id(), id(), anyAddress(NETWORKS)];
    const [reader, writer] = [await open(port, from), await open(port, from)];
    if (reader.readyState === reader.OPEN) reader.send(join(room, peer));
    if (writer.readyState === writer.OPEN) writer.send(join(room));
    await sleep(20);
    reader.pause();
    for (let i = 0; i < 250 && writer.readyState === writer.OPEN; i++) writer.send(box(peer, 12 * 1024));
    await sleep(1_000);
    reader.terminate();
    writer.terminate();
  },
  'giant frames': async (port) => {
    const socket = await raw(port, anyAddress(NETWORKS));
    const claimed = Buffer.alloc(14, 0);
    claimed.set([0x81, 0xff]);
    claimed.writeBigUInt64BE(2n ** 33n, 2);
    socket.write(claimed);
    socket.write(Buffer.alloc(64 * 1024, 65));
    await sleep(5);
    socket.destroy();
  },
  fragments: async (port) => {
    const socket = await raw(port, anyAddress(NETWORKS));
    // A text without an end, in pieces of nothing, and one byte at a time.
    socket.write(Buffer.from([0x01, 0x80, 0, 0, 0, 0]));
    for (let i = 0; i < 50; i++) socket.write(Buffer.from([0x00, 0x81, 0, 0, 0, 0, 65]));
    await sleep(50);
    for (let i = 0; i < 500 && !socket.destroyed; i++) socket.write(Buffer.from([0x00, 0x80, 0, 0, 0, 0]));
    await sleep(5);
    socket.destroy();
  },
  garbage: async (port) => {
    const socket = await raw(port, anyAddress(NETWORKS));
    socket.write(randomBytes(4_096));
    const other = connect(port, '127.0.0.1').on('error', () => undefined);
    other.write(randomBytes(4_096));
    await sleep(5);
    socket.destroy();
    other.destroy();
  },
  'room squatting': async (port, held) => {
    const socket = await open(port, anyAddress(NETWORKS));
    if (socket.readyState === socket.OPEN) socket.send(join(id()));
    held.push(() => socket.terminate());
    await sleep(20);
  },
  'half-open sockets': async (port, held) => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    held.push(() => socket.destroy());
    if (Math.random() < 0.5) socket.write('GET /signal HTTP/1.1\r\nHost: local');
    await sleep(20);
  },
};

async function assault({ kind, port, ms, hands }: Assault): Promise<number> {
  const untilMs = performance.now() + ms;
  const held: Release[] = [];
  let count = 0;
  const hand = async () => {
    while (performance.now() < untilMs) {
      if (held.length >= MAX_HELD) {
        await sleep(50);
      } else {
        count++;
        await attacks[kind](port, held);
      }
    }
  };
  await Promise.all(Array.from({ length: hands }, hand));
  for (const release of held) release();
  return count;
}

process.on('message', (message) => {
  void assault(message as Assault).then((count) => process.send?.(count));
});
