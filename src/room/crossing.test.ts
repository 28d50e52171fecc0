// What happens when two people's words cross, or one of them goes and comes back.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { toBase64url } from '../protocol/bytes.ts';
import { decodeSigned, encodeSigned, signedJson } from '../protocol/messages.ts';
import { aliceAndBob, Meeting, MemoryChannel, Person, picked } from '../testing/people.ts';
import { hashInStep } from '../testing/scheduler.ts';
import { settled } from '../testing/expecting.ts';
import { Failure } from '../protocol/failure.ts';

beforeEach(hashInStep);
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});
const root = new Uint8Array(32).fill(7);

async function offered() {
  const people = await aliceAndBob();
  await people.alice.offer([picked('a.txt')], 'bob');
  await people.meeting.carry();
  return { ...people, id: people.bob.incoming.view()[0]?.id ?? '', outId: people.alice.outgoing.view()[0]?.id ?? '' };
}

/** A file that bob has verified, of which alice has not heard yet. */
async function verified() {
  const people = await offered();
  const { alice, bob, meeting, id } = people;
  bob.incoming.accept([id]);
  await meeting.carry();
  alice.outgoing.handleServed(alice.engine.last('serve'), root);
  await meeting.carry();
  bob.incoming.handleStaged(bob.engine.last('receive'), root, new File(['x'], ''), false);
  return people;
}

test('a verified file stays verified, whatever its sender says of it later (C19)', async () => {
  const { bob, meeting, id } = await verified();
  const [, fileId = ''] = id.split(' ');
  await bob.hear(meeting.channelOf(bob), { type: 'failed', fileIds: [fileId], code: 'file-changed' });
  expect(bob.incoming.view()[0]?.state).toBe('verified');
  expect(bob.engine.streams('stop')).toEqual([]);
});

test('a file withdrawn while its decline could be undone does not come back as on offer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { alice, bob, meeting, id, outId } = await offered();
  bob.incoming.decline(id);
  alice.outgoing.withdraw(outId);
  await meeting.carry();
  bob.incoming.undoDecline(id);
  expect(bob.incoming.view()[0]?.state).toBe('withdrawn');
});

test('a decline whose five seconds ended while she was away is told when she is back', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { alice, bob, meeting, id } = await offered();
  bob.incoming.decline(id);
  meeting.end();
  vi.advanceTimersByTime(5_000);
  const again = new Meeting(alice, bob, 2);
  await again.begin();
  await again.carry();
  expect(alice.outgoing.view()[0]?.deliveries[0]?.state).toBe('declined');
});

test('a file withdrawn while its offer was being hashed is not offered after all', async () => {
  const { alice, bob, meeting } = await aliceAndBob();
  alice.outgoing.add([picked('a.txt')]);
  const offering = alice.outgoing.offerTo('bob');
  alice.outgoing.withdraw(alice.outgoing.view()[0]?.id ?? '');
  await offering;
  await meeting.carry();
  expect(bob.incoming.view().map(({ state }) => state)).not.toContain('offered');
});

test('the same id twice in one yes is one transfer', async () => {
  const { bob, id } = await offered();
  bob.incoming.accept([id, id]);
  expect(bob.engine.streams('receive')).toHaveLength(1);
});

test('files offered again in a new session do not count twice', async () => {
  const bob = new Person('bob');
  let n = 0;
  const newId = () => toBase64url(new Uint8Array(new BigUint64Array([BigInt(++n), 0n]).buffer));
  const offers = Array.from({ length: 10 }, () => ({
    ...{ type: 'offer' as const, offerId: newId(), batch: newId() },
    files: Array.from({ length: 1_000 }, () => ({ fileId: newId(), path: 'a', size: 1, type: '', modified: 0 })),
  }));
  for (const session of [1, 2]) {
    const channel = new MemoryChannel('alice', session);
    bob.incoming.personReady(channel);
    for (const offer of offers) expect(await settled(bob.hear(channel, offer))).not.toBeInstanceOf(Failure);
    bob.incoming.personGone('alice');
  }
});

test('a file that is verified here and whose `verified` was lost is verified there when both are back', async () => {
  const { alice, bob, meeting } = await verified();
  meeting.end();
  const again = new Meeting(alice, bob, 2);
  await again.begin();
  await again.carry();
  expect(alice.outgoing.view()[0]?.deliveries[0]?.state).toBe('verified');
});

test('a path longer than an offer may say does not cost the link', async () => {
  const { alice, bob, meeting } = await aliceAndBob();
  await alice.offer([picked('a/'.repeat(2_100) + 'b')], 'bob');
  for (const m of await meeting.carryFrom(alice)) {
    if (m.type === 'offer') decodeSigned(encodeSigned('offer', new Uint8Array(64), signedJson(m)));
  }
  expect(bob.incoming.view()).toHaveLength(1);
});
