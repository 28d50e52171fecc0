// The consent invariants that are about who is at the door and in the room. As consent.test.ts, over stories in random
// orders; signatures are made cheap, for it is not those that are held here (identity/ has their tests).

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { utf8, type Bytes } from '../protocol/bytes.ts';
import { encodeData, encodeRequest } from '../protocol/frames.ts';
import { HANDSHAKE_MS } from '../protocol/limits.ts';
import { encodeUnsigned, type UnsignedMessage } from '../protocol/messages.ts';
import { Failure } from '../protocol/failure.ts';
import { Receiver } from '../transfer/receiver.ts';
import { Sender } from '../transfer/sender.ts';
import { WorkerLane } from '../transfer/worker-lane.ts';
import { DataEnd } from '../testing/doorsteps.ts';
import { DEEP_MS, RUNS } from '../testing/holding.ts';
import { ownKey } from '../testing/own-keys.ts';
import { settle } from '../testing/scheduler.ts';
import {
  aliceAtHome,
  allInside,
  idOf,
  letIn,
  pass,
  timeStandsStill,
  type Page,
  type Street,
} from '../testing/street.ts';

vi.mock(import('tweetnacl'), async (original) => {
  const real = await original();
  const digest = (...parts: Uint8Array[]) => new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());
  const signature = (message: Uint8Array, publicKey: Uint8Array) => {
    const made = new Uint8Array(64);
    made.set(digest(publicKey, message).subarray(0, 31));
    return made;
  };
  const detached = Object.assign((message: Uint8Array, secret: Uint8Array) => signature(message, secret.subarray(32)), {
    verify: (message: Uint8Array, given: Uint8Array, publicKey: Uint8Array) =>
      Buffer.compare(given, signature(message, publicKey)) === 0,
  });
  const keyPair = Object.assign(real.default.sign.keyPair, {
    fromSeed: (seed: Uint8Array) => {
      const publicKey = digest(seed);
      publicKey[31] = 1;
      return { publicKey, secretKey: new Uint8Array([...seed, ...publicKey]) };
    },
  });
  const sign = Object.assign(real.default.sign, { detached, keyPair });
  return { ...real, default: { ...real.default, sign } };
});

timeStandsStill();

const fileIds = [idOf(1)];
const words: readonly UnsignedMessage[] = [
  { type: 'hello', rosterRev: 0 },
  { type: 'knock', name: 'Mallory', peerId: idOf(60) },
  { type: 'admit' },
  { type: 'bye' },
  ...(['withdraw', 'decline', 'cancel', 'pause', 'resume'] as const).map((type) => ({ type, fileIds })),
  { type: 'failed', fileIds, code: 'disk-full' },
];
/** What may come over a control channel, but for a true handshake. */
const anything = fc.oneof(
  fc.constantFrom(...words).map((word): string | Bytes => encodeUnsigned(word)),
  fc.string({ maxLength: 200 }),
  fc.uint8Array({ maxLength: 300 }).map((bytes): Bytes => new Uint8Array(bytes)),
  // As long as the messages of the handshake, and of their kinds.
  fc
    .tuple(fc.constantFrom(66, 98, 129, 65, 17), fc.integer({ min: 1, max: 5 }), fc.nat(255))
    .map(([length, kind, fill]): Bytes => new Uint8Array(length).fill(fill).fill(kind, 0, 1).fill(1, 1, 2)),
);

/** Whether a message of the sort that says something about files, or anything after the greeting, was heard. */
const heardWords = ({ told }: Page) => told.filter((line) => / of /u.test(line));

describe('at the door', { timeout: DEEP_MS }, () => {
  test('C2: before it is known who is there nothing but a handshake is said, heard or shown', async () => {
    let closed = 0;
    const story = fc.asyncProperty(fc.array(anything, { minLength: 1, maxLength: 6 }), async (sent) => {
      const { street, alice } = await aliceAtHome();
      const [mine, theirs] = street.wire({ der: utf8('the certificate of nobody') }, alice);
      alice.meeting.answered(idOf(60), theirs.asConnection);
      for (const message of sent) {
        mine.control.send(message);
        await settle();
      }
      await pass(HANDSHAKE_MS + 1);
      expect(theirs.control.sent).toEqual([]);
      expect([alice.told, alice.meeting.guests]).toEqual([[], []]);
      if (theirs.control.readyState === 'closed') closed++;
      vi.clearAllTimers();
    });
    await fc.assert(story, { numRuns: RUNS });
    expect(closed).toBe(RUNS);
  });

  test('C2: before that, what comes on a data channel is dropped, and nothing is sent on it', async () => {
    const frames = fc.array(
      fc.oneof(
        fc.tuple(fc.nat(9), fc.nat(3)).map(([stream, piece]) => encodeRequest(stream, piece, piece + 1)),
        fc.nat(9).map((stream) => encodeData(stream, 0, 0, new Uint8Array(32), new Uint8Array(100))),
        fc.uint8Array({ maxLength: 40 }).map((bytes): Bytes => new Uint8Array(bytes)),
      ),
      { minLength: 1, maxLength: 8 },
    );
    const faults: Failure[] = [];
    const story = fc.asyncProperty(frames, fc.nat(8), async (sent, openedAfter) => {
      const written: Bytes[] = [];
      const channel = new DataEnd((frame) => written.push(frame));
      const lane = new WorkerLane(1, channel);
      const read = vi.fn(() => Promise.reject(new Failure('internal', 'nothing may be read')));
      const sender = new Sender({
        ...{ read, check: () => Promise.resolve(), served: () => undefined, failed: () => undefined },
        fault: (failure) => faults.push(failure),
        after: () => undefined,
      });
      const receiver = new Receiver({
        ...{ hash: () => Promise.resolve(new Uint8Array(32)), now: () => 0, write: () => Promise.resolve() },
        ...{ whole: () => undefined, full: () => undefined, failed: () => undefined },
        fault: (failure) => faults.push(failure),
      });
      for (const frame of sent.slice(0, openedAfter))
        channel.onmessage?.(new MessageEvent('message', { data: frame.buffer }));
      lane.open(sender, receiver, 65_536, () => undefined);
      await settle();
      expect([written, faults, read.mock.calls]).toEqual([[], [], []]);
    });
    await fc.assert(story, { numRuns: RUNS });
  });
});

type Who = 'bob' | 'carol';
type Doing =
  | { readonly does: 'remove' | 'block'; readonly whom: Who }
  | { readonly does: 'lock' | 'unlock' }
  | { readonly does: 'say'; readonly from: Who; readonly to: 'alice' | Who }
  | { readonly does: 'leave'; readonly whom: Who }
  | { readonly does: 'stranger' }
  | { readonly does: 'wait'; readonly ms: number };

const who = fc.constantFrom<Who>('bob', 'carol');
const doing: fc.Arbitrary<Doing> = fc.oneof(
  fc.record({ does: fc.constantFrom('remove' as const, 'block' as const), whom: who }),
  fc.record({ does: fc.constantFrom('lock' as const, 'unlock' as const) }),
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('say' as const),
      from: who,
      to: fc.constantFrom('alice' as const, 'bob' as const, 'carol' as const),
    }),
  },
  fc.record({ does: fc.constant('leave' as const), whom: who }),
  fc.record({ does: fc.constant('stranger' as const) }),
  fc.record({ does: fc.constant('wait' as const), ms: fc.constantFrom(50, 400, 1_500) }),
);

test(
  'C15: to lock, to take out and to block acts within a second, everywhere',
  async () => {
    const seen = { removed: 0, blocked: 0, strangers: 0 };
    const story = fc.asyncProperty(fc.array(doing, { maxLength: 7 }), async (doings) => {
      const { street, alice, bob, carol } = await allInside();
      const people = { alice, bob, carol };
      const out = new Set<Who>();
      for (const one of doings) await take(street, people, one, out, seen);
      // A second later at most.
      await pass(1_000);
      for (const whom of out) {
        const [gone, names] = [people[whom], { bob: 'Bob', carol: 'Carol' }];
        for (const other of [alice, bob, carol]) {
          if (other === gone) continue;
          expect(other.linked).not.toContain(names[whom]);
        }
        expect(gone.meeting.guests.filter(({ ready }) => ready)).toEqual([]);
        // Whatever they go on saying reaches nobody.
        const before = [alice, bob, carol].map(heardWords);
        for (const other of [alice, bob, carol]) {
          if (other !== gone) gone.meeting.guest(other.key.text)?.link.send({ type: 'pause', fileIds });
        }
        await pass(1_000);
        expect([alice, bob, carol].map(heardWords)).toEqual(before);
      }
      // Or the pages of every story so far would go on ticking.
      vi.clearAllTimers();
    });
    await fc.assert(story, { numRuns: RUNS });
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(RUNS / 100);
  },
  DEEP_MS,
);

async function take(
  street: Street,
  people: Readonly<Record<'alice' | Who, Page>>,
  one: Doing,
  out: Set<Who>,
  seen: { removed: number; blocked: number; strangers: number },
): Promise<void> {
  const { alice } = people;
  switch (one.does) {
    case 'remove':
      if (alice.membership.member(people[one.whom].key.text)) seen.removed++;
      await alice.membership.remove(people[one.whom].key.text);
      out.add(one.whom);
      break;
    case 'block':
      seen.blocked++;
      alice.blocked.add(people[one.whom].key.text);
      if (alice.membership.member(people[one.whom].key.text)) await alice.membership.remove(people[one.whom].key.text);
      alice.meeting.greeting.cutOff(people[one.whom].key.text);
      out.add(one.whom);
      break;
    case 'lock':
    case 'unlock':
      await alice.membership.lock(one.does === 'lock');
      break;
    case 'say':
      people[one.from].meeting.guest(people[one.to].key.text)?.link.send({ type: 'pause', fileIds });
      break;
    case 'leave':
      if (street.pages.has(people[one.whom].peer)) await street.leave(people[one.whom]);
      break;
    case 'stranger': {
      const locked = alice.membership.roster?.locked ?? false;
      const stranger = street.page('Dave', {
        seed: 20 + (seen.strangers % 200),
        peer: idOf(20 + (seen.strangers % 200)),
      });
      seen.strangers++;
      const knocks = alice.told.filter((line) => line.startsWith('knock')).length;
      await street.join(stranger);
      await pass(1_000);
      if (locked)
        expect([stranger.linked, alice.told.filter((line) => line.startsWith('knock')).length]).toEqual([[], knocks]);
      await street.leave(stranger);
      break;
    }
    case 'wait':
      await pass(one.ms);
      break;
  }
  await settle();
}

test('somebody in the room can be heard: the stories above could be told otherwise', async () => {
  const { street, alice } = await aliceAtHome();
  const bob = street.page('Bob', { seed: 2 });
  await street.join(bob);
  await letIn(alice, bob);
  bob.linkTo(alice).link.send({ type: 'pause', fileIds });
  await settle();
  expect(heardWords(alice)).toEqual(['pause of Bob']);
  expect(ownKey(2).publicKey).toHaveLength(32);
});
