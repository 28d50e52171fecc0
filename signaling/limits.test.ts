// Every limit of the server by itself: what is within it goes, what is over it is told why.

import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import {
  ALICE,
  aliceAndBob,
  atEnd,
  BOB,
  boxTo,
  CAROL,
  idOf,
  joinAs,
  OTHER_ROOM,
  ROOM,
  serve,
  UPGRADE,
  type Client,
} from '../src/testing/signaling-clients.ts';

const refused = (code: string) => ({ type: 'refused', code });
const inside = (...peers: string[]) => ({ type: 'joined', peers });
const from = (address: string) => ({ headers: { 'X-Real-IP': address } });

async function expectSentAway(client: Client, code: string): Promise<void> {
  expect(await client.next()).toEqual(refused(code));
  expect(await client.closed).toBe(1008);
}

describe('sockets of an address', () => {
  test('beyond so many are told and closed', async () => {
    const { open, join } = await serve({ socketsPerAddress: 2 });
    const first = await open();
    await open();
    await expectSentAway(await open(), 'too-many-sockets');
    await first.leave();
    await vi.waitFor(async () => expect((await join(ALICE)).answer).toEqual(inside()));
  });

  test('beyond twice as many are not even taken', async () => {
    const { port } = await serve({ socketsPerAddress: 2 });
    /** A socket that answers nothing, and so is there until it is cut off; what it was answered first. */
    const stay = async () => {
      const socket = connect(port, '127.0.0.1');
      atEnd(() => socket.destroy());
      socket.write(UPGRADE);
      return String(await once(socket, 'data')).split('\r\n')[0];
    };
    const answers: (string | undefined)[] = [];
    for (let i = 0; i < 5; i++) answers.push(await stay());
    expect(answers.slice(0, 4)).toEqual(Array(4).fill('HTTP/1.1 101 Switching Protocols'));
    expect(answers[4]).toBe('HTTP/1.1 429 Too Many Requests');
  });

  test('are those of its own: by the one header that was named, of which the last entry counts', async () => {
    const { join } = await serve({ socketsPerAddress: 1, addressHeader: 'X-Real-IP' });
    expect((await join(ALICE, {}, from('192.0.2.1'))).answer).toEqual(inside());
    expect((await join(BOB, {}, from('192.0.2.2'))).answer).toEqual(inside(ALICE));
    expect((await join(CAROL, {}, from('192.0.2.7, 192.0.2.1'))).answer).toEqual(refused('too-many-sockets'));
    expect((await join(CAROL, {}, from('192.0.2.1, 192.0.2.7'))).answer).toEqual(inside(ALICE, BOB));
  });

  test('are those of its /64', async () => {
    const { join } = await serve({ socketsPerAddress: 1, addressHeader: 'X-Real-IP' });
    await join(ALICE, {}, from('2001:db8::1'));
    expect((await join(BOB, {}, from('2001:db8:0:0:ffff::2'))).answer).toEqual(refused('too-many-sockets'));
    expect((await join(BOB, {}, from('2001:db8:0:1::1'))).answer).toEqual(inside(ALICE));
  });

  test('are counted by the socket where no header was named, and where it says nothing', async () => {
    for (const addressHeader of ['', 'X-Real-IP']) {
      const { open } = await serve({ socketsPerAddress: 1, addressHeader });
      await open(addressHeader ? from('nonsense') : from('192.0.2.1'));
      await expectSentAway(await open(addressHeader ? {} : from('192.0.2.2')), 'too-many-sockets');
    }
  });
});

test('joins of an address beyond so many a minute are refused', async () => {
  const { join } = await serve({ joinsPerMinute: 2, addressHeader: 'X-Real-IP' });
  await join(ALICE, {}, from('192.0.2.1'));
  await join(BOB, {}, from('192.0.2.1'));
  const { client, answer } = await join(CAROL, {}, from('192.0.2.1'));
  expect(answer).toEqual(refused('too-many-joins'));
  expect(await client.closed).toBe(1008);
  expect((await join(CAROL, {}, from('192.0.2.2'))).answer).toEqual(inside(ALICE, BOB));
});

test('new rooms of an address beyond so many a minute are refused, and joining those there are is not', async () => {
  const { join } = await serve({ roomsPerMinute: 1, addressHeader: 'X-Real-IP' });
  const { client: alice } = await join(ALICE, {}, from('192.0.2.1'));
  expect((await join(BOB, { room: OTHER_ROOM }, from('192.0.2.1'))).answer).toEqual(refused('too-many-rooms'));
  await alice.leave();
  // It is empty, and still there.
  expect((await join(ALICE, {}, from('192.0.2.1'))).answer).toEqual(inside());
  expect((await join(BOB, { room: OTHER_ROOM }, from('192.0.2.2'))).answer).toEqual(inside());
});

describe('rooms', () => {
  test('beyond so many are refused until one has been empty for long enough', async () => {
    const { join } = await serve({ maxRooms: 1, emptyRoomMs: 1_500 });
    const { client: alice } = await join(ALICE);
    expect((await join(BOB, { room: OTHER_ROOM })).answer).toEqual(refused('server-full'));
    await alice.leave();
    expect((await join(BOB, { room: OTHER_ROOM })).answer).toEqual(refused('server-full'));
    await vi.waitFor(async () => expect((await join(BOB, { room: OTHER_ROOM })).answer).toEqual(inside()), {
      timeout: 10_000,
      interval: 200,
    });
  });

  test('with somebody in them stay, however short empty ones are kept', async () => {
    const { join } = await serve({ emptyRoomMs: 600 });
    const { client: alice } = await join(ALICE);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await join(BOB)).answer).toEqual(inside(ALICE));
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
  });

  test('are over after their time, for everybody in them, and may begin anew', async () => {
    const { alice, bob, join, signaling } = await aliceAndBob({ roomMs: 1_000 });
    await Promise.all([alice, bob].map((client) => expectSentAway(client, 'room-expired')));
    await vi.waitFor(() => expect(signaling.rooms).toBe(0));
    expect((await join(CAROL)).answer).toEqual(inside());
  });

  test('have as many seats as they are given', async () => {
    const { join } = await serve({ maxPeers: 32 });
    for (let peer = 0; peer < 32; peer++) expect((await join(idOf(peer))).answer.type).toBe('joined');
    expect((await join(idOf(32))).answer).toEqual(refused('room-full'));
  });
});

describe('messages of a socket', () => {
  const pace = { messagesPerSecond: 5, messageBurst: 20 };
  const boxes = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `${from + i}`.padStart(4, 'A'));
  const heard = async (client: Client, count: number) => {
    const told: string[] = [];
    while (told.length < count) {
      const message = await client.next();
      if (message.type === 'box') told.push(message.box);
    }
    return told;
  };

  test('may come in a burst, and wait for their turn beyond it', async () => {
    const { alice, bob } = await aliceAndBob(pace);
    const startMs = performance.now();
    for (const box of boxes(0, 25)) alice.say(boxTo(BOB, box));
    expect(await heard(bob, 20)).toEqual(boxes(0, 20));
    const burstMs = performance.now() - startMs;
    expect(await heard(bob, 5)).toEqual(boxes(20, 25));
    expect(burstMs).toBeLessThan(500);
    expect(performance.now() - startMs).toBeGreaterThan(burstMs + 300);
  });

  test('that are too fast for the third time close it', async () => {
    const { alice, bob } = await aliceAndBob(pace);
    for (const box of boxes(0, 200)) alice.say(boxTo(BOB, box));
    await expectSentAway(alice, 'too-fast');
    expect(await heard(bob, 20)).toEqual(boxes(0, 20));
  });

  test('are pings too', async () => {
    const { alice, bob } = await aliceAndBob(pace);
    // One after the other: ws itself cuts off who does not wait for its answers.
    alice.socket.on('pong', () => alice.socket.ping());
    alice.socket.ping();
    await expectSentAway(alice, 'too-fast');
    expect(await bob.next()).toEqual({ type: 'left', peer: ALICE });
  });

  test('of one do not hold up another', async () => {
    const { alice, join } = await aliceAndBob(pace);
    const { client: carol } = await join(CAROL);
    for (const box of boxes(0, 200)) alice.say(boxTo(BOB, box));
    carol.say(boxTo(ALICE));
    expect(await alice.next()).toEqual({ type: 'arrived', peer: CAROL });
    expect(await alice.next()).toEqual({ type: 'box', from: CAROL, box: 'AAAA' });
  });
});

describe('a message', () => {
  test('in a few fragments is one', async () => {
    const { open } = await serve();
    const client = await open();
    const text = JSON.stringify(joinAs(ALICE));
    for (let at = 0; at < text.length; at += 8)
      client.socket.send(text.slice(at, at + 8), { fin: at + 8 >= text.length });
    expect(await client.next()).toEqual(inside());
  });

  test('in more than 64, or without an end, is none', async () => {
    const { open } = await serve();
    const client = await open();
    for (let i = 0; i < 100; i++) client.socket.send('', { fin: false });
    // RFC 6455 §7.4.1: a message that breaks the rules.
    expect(await client.closed).toBe(1008);
  });
});

test('who reads more slowly than others write is told, and closed', async () => {
  let isRefused: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (isRefused = resolve));
  const quick = { messagesPerSecond: 1_000_000, messageBurst: 1_000_000, maxBufferedBytes: 64 * 1024 };
  const { join } = await serve(quick, { print: (line) => line === 'refused slow' && isRefused() });
  const { client: alice } = await join(ALICE);
  const { client: bob } = await join(BOB);
  await alice.next();
  bob.socket.pause();
  const left = alice.next();
  // More than the sockets on the way hold for a reader that does not read.
  for (let i = 0; i < 2_000; i++) alice.say(boxTo(BOB, 'A'.repeat(12 * 1024)));
  await slow;
  bob.socket.resume();
  let last = await bob.next();
  while (last.type === 'box') last = await bob.next();
  expect(last).toEqual(refused('slow'));
  expect(await bob.closed).toBe(1008);
  expect(await left).toEqual({ type: 'left', peer: BOB });
});

test('who reads nothing at all is gone a second later', async () => {
  const quick = { messagesPerSecond: 1_000_000, messageBurst: 1_000_000, maxBufferedBytes: 64 * 1024 };
  const { alice, bob } = await aliceAndBob(quick);
  bob.socket.pause();
  const left = alice.next();
  for (let i = 0; i < 2_000; i++) alice.say(boxTo(BOB, 'A'.repeat(12 * 1024)));
  expect(await left).toEqual({ type: 'left', peer: BOB });
});

test('pages of other origins are told so, where some are named', async () => {
  const origins = ['https://doorstep.example', 'https://other.example:8443'];
  const { open, join } = await serve({ origins });
  for (const origin of ['https://evil.example', 'https://doorstep.example.evil', 'null', undefined]) {
    await expectSentAway(await open(origin ? { origin } : {}), 'other-origin');
  }
  for (const [peer, origin] of origins.entries()) {
    expect((await join(idOf(peer), {}, { origin })).answer.type).toBe('joined');
  }
});

test('a room id that is no id is no room', async () => {
  const { open, signaling } = await serve();
  const client = await open();
  client.say({ ...joinAs(ALICE), room: `${ROOM}A` });
  await expectSentAway(client, 'bad-message');
  expect(signaling.rooms).toBe(0);
});
