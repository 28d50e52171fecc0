// Several servers over one real Redis: the same rooms, the same limits, and what becomes of them when Redis is away.

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Redis } from '../src/testing/redis.ts';
import {
  ALICE,
  atEnd,
  BOB,
  boxTo,
  CAROL,
  idOf,
  OTHER_ROOM,
  OTHER_TOKEN,
  serve,
} from '../src/testing/signaling-clients.ts';
import type { BusEvents } from './bus.ts';
import { RedisBus } from './redis-bus.ts';
import { newRoom } from './rooms.ts';
import type { Settings } from './settings.ts';

const refused = (code: string) => ({ type: 'refused', code });
const inside = (...peers: string[]) => ({ type: 'joined', peers });

let redis: Redis;
beforeAll(async () => void (redis = await Redis.start()));
beforeEach(() => redis.restart());
afterAll(() => redis.stop());

/** A server of its own over the shared Redis, that takes people in. */
async function oneMore(options: Partial<Settings> = {}) {
  const lines: string[] = [];
  const outside = {
    openBus: (events: BusEvents) => new RedisBus(redis.url, events),
    print: (line: string) => void lines.push(line),
  };
  const server = await serve(options, outside);
  const says = (line: string, times = 1) =>
    vi.waitFor(() => expect(lines.filter((one) => one === line)).toHaveLength(times), { timeout: 10_000 });
  await says('bus back');
  return { ...server, says };
}

async function two(options: Partial<Settings> = {}) {
  return Promise.all([oneMore(options), oneMore(options)]);
}

describe('on two servers', () => {
  test('people of one room see each other come and go, and exchange boxes', async () => {
    const [one, other] = await two();
    const { client: alice } = await one.join(ALICE);
    const { client: bob, answer } = await other.join(BOB);
    expect(answer).toEqual(inside(ALICE));
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
    alice.say(boxTo(BOB, 'Zm9y'));
    expect(await bob.next()).toEqual({ type: 'box', from: ALICE, box: 'Zm9y' });
    bob.say(boxTo(ALICE, 'QmE-'));
    expect(await alice.next()).toEqual({ type: 'box', from: BOB, box: 'QmE-' });
    await bob.leave();
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
  });

  test('a seat is the same seat', async () => {
    const [one, other] = await two();
    const { client: alice } = await one.join(ALICE);
    const { client: bob } = await one.join(BOB);
    expect((await other.join(BOB, { token: OTHER_TOKEN })).answer).toEqual(refused('seat-taken'));
    expect((await other.join(BOB)).answer).toEqual(inside(ALICE));
    expect(await bob.next()).toEqual(refused('replaced'));
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
  });

  test('eight have seats, whoever comes at the same time', async () => {
    const [one, other] = await two();
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, peer) => (peer % 2 ? one : other).join(idOf(peer))),
    );
    expect(answers.filter(({ answer }) => answer.type === 'joined')).toHaveLength(8);
    expect(answers.filter(({ answer }) => answer.type === 'refused').map(({ answer }) => answer)).toEqual(
      Array(8).fill(refused('room-full')),
    );
  });

  test('the limits are those of both together', async () => {
    const limits = { socketsPerAddress: 3, joinsPerMinute: 3, roomsPerMinute: 1, maxRooms: 1 };
    const [one, other] = await two(limits);
    const { client: alice } = await one.join(ALICE);
    expect((await other.join(BOB, { room: OTHER_ROOM })).answer).toEqual(refused('server-full'));
    const { client: bob } = await other.join(BOB);
    expect((await one.join(CAROL)).answer).toEqual(refused('too-many-joins'));
    await vi.waitFor(async () => {
      const third = await one.open();
      const fourth = await other.open();
      expect(await Promise.race([fourth.next(), new Promise((wake) => setTimeout(wake, 300))])).toEqual(
        refused('too-many-sockets'),
      );
      await third.leave();
    });
    await Promise.all([alice.leave(), bob.leave()]);
  });

  test('new rooms are counted together', async () => {
    const [one, other] = await two({ roomsPerMinute: 1 });
    await one.join(ALICE);
    expect((await other.join(BOB, { room: OTHER_ROOM })).answer).toEqual(refused('too-many-rooms'));
  });

  test('the door is the same door', async () => {
    const [one, other] = await two();
    const { client: alice } = await one.join(ALICE, { door: idOf(201) });
    const { client: bob } = await other.join(BOB);
    alice.say({ type: 'close-door', closed: true });
    alice.say({ type: 'drop', peer: BOB });
    expect(await bob.next()).toEqual(refused('dropped'));
    expect((await other.join(CAROL)).answer).toEqual(refused('door-closed'));
  });

  test('rooms are over for both', async () => {
    const [one, other] = await two({ roomMs: 1_500 });
    const { client: alice } = await one.join(ALICE);
    const { client: bob } = await other.join(BOB);
    expect(await bob.next()).toEqual(refused('room-expired'));
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
    expect((await alice.next()).type).toMatch(/refused|left/);
  });

  test('a server that stops takes its people with it', async () => {
    const [one, other] = await two();
    const { client: alice } = await one.join(ALICE);
    await other.join(BOB);
    expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
    other.signaling.close();
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
  });
});

describe('while Redis is away', () => {
  test.each(['killed', 'frozen'])(
    '%s: who sits stays and talks, who comes is told, and all is well when it is back',
    async (how) => {
      const [one, other] = await two();
      const { client: alice } = await one.join(ALICE, { door: idOf(201) });
      const { client: bob } = await one.join(BOB);
      const { client: carol } = await other.join(CAROL);
      await alice.next();
      await alice.next();
      await bob.next();
      if (how === 'killed') await redis.kill();
      else redis.freeze();
      await Promise.all([one.says('bus lost'), other.says('bus lost')]);
      alice.say(boxTo(BOB, 'QmE-'));
      expect(await bob.next()).toEqual({ type: 'box', from: ALICE, box: 'QmE-' });
      expect(await (await one.open()).next()).toEqual(refused('unavailable'));

      if (how === 'killed') await redis.restart();
      else redis.thaw();
      await Promise.all([one.says('bus back', 2), other.says('bus back', 2)]);
      const { client: dave, answer } = await vi.waitFor(async () => {
        const came = await other.join(idOf(4));
        expect(came.answer.type === 'joined' ? came.answer.peers.toSorted() : came.answer).toEqual([ALICE, BOB, CAROL]);
        return came;
      });
      expect(answer.type).toBe('joined');
      dave.say(boxTo(ALICE, 'Zm9y'));
      carol.say(boxTo(BOB, 'Zm9y'));
      const boxOf = async (client: typeof alice) => {
        let message = await client.next();
        while (message.type !== 'box') message = await client.next();
        return message.from;
      };
      expect(await boxOf(alice)).toBe(idOf(4));
      expect(await boxOf(bob)).toBe(CAROL);
      // The door it lost was put back too.
      alice.say({ type: 'drop', peer: CAROL });
      await vi.waitFor(async () => expect(await carol.next()).toEqual(refused('dropped')));
    },
  );

  test('who left meanwhile is gone when it is back', async () => {
    const [one, other] = await two();
    const { client: alice } = await one.join(ALICE);
    const { client: bob } = await other.join(BOB);
    await alice.next();
    redis.freeze();
    await other.says('bus lost');
    await bob.leave();
    redis.thaw();
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
  });

  test('a server starts, and takes people in once it is there', async () => {
    await redis.kill();
    const outside = { openBus: (events: BusEvents) => new RedisBus(redis.url, events) };
    const { open, join } = await serve({}, outside);
    expect(await (await open()).next()).toEqual(refused('unavailable'));
    await redis.restart();
    await vi.waitFor(async () => expect((await join(ALICE)).answer).toEqual(inside()), { timeout: 5_000 });
  });
});

test('of two who change a room at once, one is told to look again', async () => {
  const events: BusEvents = {
    room: () => undefined,
    mail: () => undefined,
    back: () => undefined,
    died: () => undefined,
    away: () => undefined,
  };
  const bus = new RedisBus(redis.url, events);
  atEnd(() => bus.close());
  await vi.waitFor(() => bus.read('x'));
  const room = newRoom(Date.now());
  expect(await Promise.all([bus.swap('x', undefined, room, 10_000), bus.swap('x', undefined, room, 10_000)])).toEqual([
    true,
    false,
  ]);
  const found = await bus.read('x');
  expect(found).toEqual(room);
  expect(await bus.swap('x', found, { ...room, rev: 1 }, 10_000)).toBe(true);
  expect(await bus.swap('x', found, { ...room, rev: 2 }, 10_000)).toBe(false);
  expect(await bus.count()).toBe(1);
  expect(await bus.swap('x', await bus.read('x'), { ...room, rev: 2 }, 50)).toBe(true);
  await vi.waitFor(async () => expect([await bus.read('x'), await bus.count()]).toEqual([undefined, 0]));
});
