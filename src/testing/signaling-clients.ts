// Clients of the signaling server as it is, on a port of its own, with real sockets.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { attachSignaling, type SignalingOutside } from '../../signaling/server.ts';
import type { Settings } from '../../signaling/settings.ts';
import { toBase64url } from '../protocol/bytes.ts';
import { parseFromServer, type FromServer } from '../protocol/signal.ts';

export const idOf = (seed: number) =>
  toBase64url(Uint8Array.from({ length: 16 }, (_, i) => (seed >> (8 * (i % 4))) & 255));
export const [ROOM, OTHER_ROOM, TOKEN, OTHER_TOKEN] = [101, 102, 103, 104].map(idOf) as [
  string,
  string,
  string,
  string,
];
export const [ALICE, BOB, CAROL] = [1, 2, 3].map(idOf) as [string, string, string];

export interface Seat {
  readonly room?: string;
  readonly token?: string;
  readonly door?: string;
}

export const joinAs = (peer: string, { room = ROOM, token = TOKEN, door }: Seat = {}) => ({
  ...{ type: 'join', room, peer, token },
  ...(door && { door }),
});
export const boxTo = (to: string, box = 'AAAA') => ({ type: 'send', to, box });

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Does this when the test is over. */
export function atEnd(end: () => unknown): void {
  ends.push(end);
}

/** A socket and what it was told. */
export class Client {
  readonly socket: WebSocket;
  readonly #told: FromServer[] = [];
  readonly #waiting: ((message: FromServer) => void)[] = [];
  /** The code it was closed with. */
  readonly closed: Promise<number>;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    // What ends it badly shows in `closed`.
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const message = parseFromServer(data.toString('utf8'));
      if (!message) throw new Error('the server says what clients do not know');
      const waiting = this.#waiting.shift();
      if (waiting) waiting(message);
      else this.#told.push(message);
    });
  }

  say(message: object | string | Uint8Array): void {
    this.socket.send(typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message));
  }

  /** The next thing it is told. */
  async next(): Promise<FromServer> {
    return this.#told.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Says goodbye, and waits until the server has heard everything before it. */
  async leave(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/** The limits of an address are lifted, unless told otherwise: all clients share one here. */
export const crowded = { socketsPerAddress: 1_000_000, joinsPerMinute: 1_000_000, roomsPerMinute: 1_000_000 };

/** What a client that speaks HTTP by hand asks for a WebSocket with. */
export const UPGRADE = [
  ...['GET /signal HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'],
  ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', '', ''],
].join('\r\n');

/** Opens sockets, and joins, at a port. */
export function clientsOf(port: number) {
  const open = async (clientOptions: ClientOptions = {}) => {
    const client = new Client(new WebSocket(`ws://127.0.0.1:${port}/signal`, clientOptions));
    ends.push(() => client.socket.terminate());
    await once(client.socket, 'open');
    return client;
  };
  const join = async (peer: string, seat: Seat = {}, options: ClientOptions = {}) => {
    const client = await open(options);
    client.say(joinAs(peer, seat));
    return { client, answer: await client.next() };
  };
  return { open, join };
}

export async function serve(options: Partial<Settings> = {}, outside: SignalingOutside = {}) {
  const http = createServer();
  const signaling = attachSignaling(http, { ...crowded, ...options }, outside);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  ends.push(() => {
    signaling.close();
    http.closeAllConnections();
    http.close();
  });
  return { signaling, port, ...clientsOf(port) };
}

/** Alice and Bob in a room, each told of the other. */
export async function aliceAndBob(options: Partial<Settings> = {}) {
  const server = await serve(options);
  const { client: alice } = await server.join(ALICE);
  const { client: bob } = await server.join(BOB);
  expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
  return { ...server, alice, bob };
}
