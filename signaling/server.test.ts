import { once } from 'node:events';
// The signaling server as it is, on a port of its own, with real sockets.

import { describe, expect, test, vi } from 'vitest';
import { MAX_MESSAGE_BYTES, MAX_PEERS } from '../src/protocol/signal.ts';
import {
  ALICE,
  aliceAndBob,
  BOB,
  boxTo,
  CAROL,
  idOf,
  joinAs,
  OTHER_ROOM,
  OTHER_TOKEN,
  serve,
} from '../src/testing/signaling-clients.ts';
import { isSignalPath } from './server.ts';

describe('a room', () => {
  test('tells who is there, who arrives and who leaves', async () => {
    const { alice, bob, join } = await aliceAndBob();
    const { answer } = await join(CAROL);
    expect(answer).toEqual({ type: 'joined', peers: [ALICE, BOB] });
    expect(await alice.next()).toEqual({ type: 'arrived', peer: CAROL });
    await bob.leave();
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
  });

  test('is empty to the first', async () => {
    const { join } = await serve();
    expect((await join(ALICE)).answer).toEqual({ type: 'joined', peers: [] });
  });

  test('knows nothing of another', async () => {
    const { join, alice } = await aliceAndBob();
    const { client: carol, answer } = await join(CAROL, { room: OTHER_ROOM });
    expect(answer).toEqual({ type: 'joined', peers: [] });
    carol.say(boxTo(ALICE));
    await carol.leave();
    await join(CAROL);
    // Had the box come through, or Carol's first coming or going, it would have come before.
    expect(await alice.next()).toEqual({ type: 'arrived', peer: CAROL });
  });

  test('takes eight, and no ninth', async () => {
    const { join } = await serve();
    for (let peer = 0; peer < MAX_PEERS; peer++) expect((await join(idOf(peer))).answer.type).toBe('joined');
    const { client, answer } = await join(idOf(MAX_PEERS));
    expect(answer).toEqual({ type: 'refused', code: 'room-full' });
    expect(await client.closed).toBe(1008);
    // A seat of one's own is not another seat.
    expect((await join(idOf(0))).answer.type).toBe('joined');
  });

  test('has room again when somebody left', async () => {
    const { alice, bob, join } = await aliceAndBob({ maxPeers: 2 });
    await bob.leave();
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
    expect((await join(CAROL)).answer).toEqual({ type: 'joined', peers: [ALICE] });
  });

  test('is forgotten when it is empty', async () => {
    const { signaling, alice, bob, join } = await aliceAndBob();
    await join(CAROL, { room: OTHER_ROOM });
    expect(signaling.rooms).toBe(2);
    await Promise.all([alice.leave(), bob.leave()]);
    await vi.waitFor(() => expect(signaling.rooms).toBe(1));
  });

  test('is refused to the first when there are too many of them', async () => {
    const { join } = await serve({ maxRooms: 1 });
    await join(ALICE);
    expect((await join(BOB, { room: OTHER_ROOM })).answer).toEqual({ type: 'refused', code: 'server-full' });
    expect((await join(BOB)).answer).toEqual({ type: 'joined', peers: [ALICE] });
  });
});

describe('a box', () => {
  test('reaches its addressee and nobody else', async () => {
    const { alice, bob, join } = await aliceAndBob();
    const { client: carol } = await join(CAROL);
    for (const client of [alice, bob]) expect(await client.next()).toEqual({ type: 'arrived', peer: CAROL });
    alice.say(boxTo(BOB, 'Zm9y'));
    alice.say(boxTo(CAROL, 'QmE-'));
    expect(await carol.next()).toEqual({ type: 'box', from: ALICE, box: 'QmE-' });
    expect(await bob.next()).toEqual({ type: 'box', from: ALICE, box: 'Zm9y' });
  });

  test('to nobody is dropped', async () => {
    const { alice, bob } = await aliceAndBob();
    alice.say(boxTo(CAROL));
    alice.say(boxTo(BOB));
    expect(await bob.next()).toEqual({ type: 'box', from: ALICE, box: 'AAAA' });
    bob.say(boxTo(ALICE));
    expect(await alice.next()).toEqual({ type: 'box', from: BOB, box: 'AAAA' });
  });

  test('to somebody who left is dropped', async () => {
    const { alice, bob, join } = await aliceAndBob();
    await bob.leave();
    await alice.next();
    alice.say(boxTo(BOB));
    const { client: again } = await join(BOB);
    alice.say(boxTo(BOB, 'QmE-'));
    expect(await again.next()).toEqual({ type: 'box', from: ALICE, box: 'QmE-' });
  });

  test('may be 12 KiB', async () => {
    const { alice, bob } = await aliceAndBob();
    const box = 'A'.repeat(12 * 1024);
    alice.say(boxTo(BOB, box));
    expect(await bob.next()).toEqual({ type: 'box', from: ALICE, box });
  });
});

describe('a seat', () => {
  test('is taken by nobody without its token', async () => {
    const { alice, bob, join } = await aliceAndBob();
    const { client, answer } = await join(BOB, { token: OTHER_TOKEN });
    expect(answer).toEqual({ type: 'refused', code: 'seat-taken' });
    expect(await client.closed).toBe(1008);
    alice.say(boxTo(BOB));
    expect(await bob.next()).toEqual({ type: 'box', from: ALICE, box: 'AAAA' });
  });

  test('is taken over with its token, and the socket before is sent away', async () => {
    const { alice, bob, join } = await aliceAndBob();
    const { client: again, answer } = await join(BOB);
    expect(answer).toEqual({ type: 'joined', peers: [ALICE] });
    expect(await bob.next()).toEqual({ type: 'refused', code: 'replaced' });
    expect(await bob.closed).toBe(1008);
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
    alice.say(boxTo(BOB));
    expect(await again.next()).toEqual({ type: 'box', from: ALICE, box: 'AAAA' });
    // The end of the socket before did not take the seat with it.
    again.say(boxTo(ALICE));
    expect(await alice.next()).toEqual({ type: 'box', from: BOB, box: 'AAAA' });
  });

  test('is free for any token when its socket is gone', async () => {
    const { alice, bob, join } = await aliceAndBob();
    await bob.leave();
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
    expect((await join(BOB, { token: OTHER_TOKEN })).answer).toEqual({ type: 'joined', peers: [ALICE] });
  });
});

describe('a socket is sent away for', () => {
  test.each<[string, object | string | Uint8Array]>([
    ['garbage', 'hello'],
    ['JSON that is no message', {}],
    ['what only the server says', { type: 'left', peer: ALICE }],
    ['a key too many', { ...joinAs(ALICE), secret: 'x' }],
    ['bytes', new Uint8Array(Buffer.from(JSON.stringify(joinAs(ALICE))))],
    ['a box before it joined', boxTo(ALICE)],
    ['closing a door before it joined', { type: 'close-door', closed: true }],
    ['dropping somebody before it joined', { type: 'drop', peer: ALICE }],
    ['an empty message', ''],
  ])('%s', async (_, message) => {
    const { open, signaling } = await serve();
    const client = await open();
    client.say(message);
    expect(await client.next()).toEqual({ type: 'refused', code: 'bad-message' });
    expect(await client.closed).toBe(1008);
    expect(signaling.rooms).toBe(0);
  });

  test('joining twice', async () => {
    const { alice, bob } = await aliceAndBob();
    bob.say(joinAs(BOB));
    bob.say(boxTo(ALICE));
    expect(await bob.next()).toEqual({ type: 'refused', code: 'bad-message' });
    expect(await bob.closed).toBe(1008);
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
  });

  test('a message over 16 KiB', async () => {
    const { open } = await serve();
    const client = await open();
    client.say(JSON.stringify(joinAs(ALICE)).padEnd(MAX_MESSAGE_BYTES));
    expect(await client.next()).toEqual({ type: 'joined', peers: [] });
    client.say(JSON.stringify(boxTo(BOB)).padEnd(MAX_MESSAGE_BYTES + 1));
    // RFC 6455 §7.4.1: a message too big to process.
    expect(await client.closed).toBe(1009);
  });

  test('saying nothing', async () => {
    const { open } = await serve({ firstMessageMs: 30 });
    const client = await open();
    expect(await client.next()).toEqual({ type: 'refused', code: 'bad-message' });
    expect(await client.closed).toBe(1008);
  });

  test('answering no ping, and who answers stays', async () => {
    const { join, open } = await serve({ pingMs: 300 });
    const { client: alice } = await join(ALICE);
    const silent = await open({ autoPong: false });
    silent.say(joinAs(BOB));
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
    expect(await silent.closed).toBe(1006);
    await join(CAROL);
    expect(await alice.next()).toEqual({ type: 'arrived', peer: CAROL });
  });
});

describe('STUN and TURN servers', () => {
  const ice = { stunUrls: ['stun:stun.example'], turnUrls: ['turn:turn.example'], turnSecrets: ['a-secret-of-tests'] };

  test('are named to whoever joined, to each with credentials of their own', async () => {
    const { join } = await serve({}, { ice });
    const answers = [(await join(ALICE)).answer, (await join(BOB)).answer];
    const given = answers.map((answer) => (answer.type === 'joined' ? answer.ice : undefined));
    expect(given.map((one) => one?.stun)).toEqual([['stun:stun.example'], ['stun:stun.example']]);
    expect(new Set(given.map((one) => one?.turn?.username)).size).toBe(2);
  });

  test('are named to nobody who did not join', async () => {
    const { open } = await serve({ firstMessageMs: 50 }, { ice });
    const silent = await open();
    expect(await silent.next()).toEqual({ type: 'refused', code: 'bad-message' });
    const full = await serve({ maxPeers: 1 }, { ice });
    await full.join(ALICE);
    expect((await full.join(BOB)).answer).toEqual({ type: 'refused', code: 'room-full' });
  });

  test('come with new credentials before the old ones expire', async () => {
    const { join } = await serve({ pingMs: 30 }, { ice, renewIceMs: 50 });
    const { client, answer } = await join(ALICE);
    const [second, third] = [await client.next(), await client.next()];
    const given = [answer, second, third].map((told) => ('ice' in told ? told.ice.turn?.username : undefined));
    expect([second.type, third.type]).toEqual(['ice', 'ice']);
    expect(new Set(given).size).toBe(3);
  });

  test('are not told of again when there is no TURN', async () => {
    const { join } = await serve({ pingMs: 10 }, { ice: { ...ice, turnUrls: [], turnSecrets: [] }, renewIceMs: 10 });
    const { client, answer } = await join(ALICE);
    expect(answer).toEqual({ type: 'joined', peers: [], ice: { stun: ['stun:stun.example'] } });
    await once(client.socket, 'ping');
    await once(client.socket, 'ping');
    await join(BOB);
    expect(await client.next()).toEqual({ type: 'arrived', peer: BOB });
  });
});

test('whoever joined is not sent away for silence', async () => {
  const { alice, bob, open } = await aliceAndBob({ firstMessageMs: 500 });
  const late = await open();
  expect(await late.closed).toBe(1008);
  alice.say(boxTo(BOB));
  expect(await bob.next()).toEqual({ type: 'box', from: ALICE, box: 'AAAA' });
});

test('closing the server says goodbye to everybody', async () => {
  const { alice, bob, signaling } = await aliceAndBob();
  signaling.close();
  expect(await Promise.all([alice.closed, bob.closed])).toEqual([1001, 1001]);
});

test.each<[string | undefined, boolean]>([
  ['/signal', true],
  ['/signal?x=1', true],
  ['/signal/x', false],
  ['/', false],
  ['/@vite/client', false],
  [undefined, false],
])('an upgrade of %j is for the signaling server: %j', (url, is) => {
  expect(isSignalPath({ url })).toBe(is);
});
