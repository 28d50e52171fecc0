// The carrier against the real signaling server: it comes back by itself from whatever passes, and gives up what does not.

import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { finalRefusals, passingRefusals } from '../protocol/signal.ts';
import { ALICE, atEnd, BOB, ROOM, serve, TOKEN } from '../testing/signaling-clients.ts';
import { lostCodes, SignalingServer, type Seat, type SignalingEvents } from './signaling-server.ts';

/** Like a browser's: what nobody listens to is no uncaught error. */
class BrowserSocket extends WebSocket {
  constructor(url: string) {
    super(url);
    this.on('error', () => undefined);
  }
}

beforeEach(() => void vi.stubGlobal('WebSocket', BrowserSocket));
afterEach(() => void vi.unstubAllGlobals());

/** A page's carrier, and what it told, as `event detail`. */
function visit(port: number, peer: string, seat: Partial<Seat> = {}) {
  const told: string[] = [];
  const events: SignalingEvents = {
    joined: (present) => told.push(`joined ${present.length}`),
    arrived: (who) => told.push(`arrived ${who}`),
    left: (who) => told.push(`left ${who}`),
    box: (from, box) => told.push(`box ${from} ${box.join()}`),
    lost: ({ code }) => told.push(`lost ${code}`),
    refused: ({ code }) => told.push(`refused ${code}`),
    ice: () => undefined,
  };
  const carrier = new SignalingServer(
    `ws://127.0.0.1:${port}/signal`,
    { room: ROOM, peer, token: TOKEN, ...seat },
    events,
  );
  atEnd(() => carrier.close());
  const tells = (what: string) => vi.waitFor(() => expect(told).toContain(what), { timeout: 15_000 });
  return { carrier, told, tells };
}

/** A server that refuses whoever comes; how many came. */
async function refusing(code: string) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  atEnd(() => server.close());
  let visits = 0;
  server.on('connection', (socket) => {
    visits++;
    socket.on('message', () => {
      socket.send(JSON.stringify({ type: 'refused', code }));
      socket.close(1008);
    });
  });
  await vi.waitFor(() => expect(server.address()).not.toBeNull());
  return { port: (server.address() as AddressInfo).port, visits: () => visits };
}

test('two meet, and boxes come and go', async () => {
  const { port } = await serve();
  const alice = visit(port, ALICE);
  await alice.tells('joined 0');
  const bob = visit(port, BOB);
  await bob.tells('joined 1');
  await alice.tells(`arrived ${BOB}`);
  alice.carrier.send(BOB, new Uint8Array([1, 2, 3]));
  await bob.tells(`box ${ALICE} 1,2,3`);
  bob.carrier.close();
  await alice.tells(`left ${BOB}`);
});

test('a seat taken over by another page of ours is given up', async () => {
  const { port, join } = await serve();
  const alice = visit(port, ALICE);
  await alice.tells('joined 0');
  await join(ALICE);
  await alice.tells('refused seat-taken');
});

test('a server that does not listen yet is tried again and again', async () => {
  const probe = createServer().listen(0, '127.0.0.1');
  await vi.waitFor(() => expect(probe.address()).not.toBeNull());
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const alice = visit(port, ALICE);
  await alice.tells('lost no-signaling');
  const server = new WebSocketServer({ port, host: '127.0.0.1' });
  atEnd(() => server.close());
  server.on('connection', (socket) => socket.on('message', () => socket.send('{"type":"joined","peers":[]}')));
  await alice.tells('joined 0');
});

describe('a server that has no time just now', () => {
  test.each(passingRefusals)('%s: says so, and is asked again, not at once', async (code) => {
    const { port, visits } = await refusing(code);
    const alice = visit(port, ALICE);
    await vi.waitFor(() => expect(alice.told).toHaveLength(1));
    const [, lost = ''] = alice.told[0]?.split(' ') ?? [];
    expect(alice.told[0]).toMatch(/^lost /);
    expect(lostCodes).toContain(lost);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(visits()).toBe(1);
    if (code === 'unavailable') await vi.waitFor(() => expect(visits()).toBe(2), { timeout: 10_000 });
  });
});

test.each(finalRefusals)('a server that says %s is not asked again', async (code) => {
  const { port, visits } = await refusing(code);
  const alice = visit(port, ALICE);
  await vi.waitFor(() => expect(alice.told).toHaveLength(1));
  expect(alice.told[0]).toMatch(/^refused /);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect([visits(), alice.told.length]).toEqual([1, 1]);
});

test('the host’s door secret keeps a seat in a full room', async () => {
  const door = BOB;
  const { port, join } = await serve({ maxPeers: 2 });
  const host = visit(port, ALICE, { door });
  await host.tells('joined 0');
  host.carrier.close();
  expect((await join(BOB)).answer).toEqual({ type: 'joined', peers: [] });
  expect((await join(ROOM)).answer).toEqual({ type: 'refused', code: 'room-full' });
  await visit(port, TOKEN, { door }).tells('joined 1');
});
