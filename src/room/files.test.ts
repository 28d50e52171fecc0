// Both ends of a file's way, from the doorstep to the staging of the one who said yes.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toBase64url } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { aliceAndBob, Meeting, messageOf, Person, picked } from '../testing/people.ts';
import { hashInStep } from '../testing/scheduler.ts';

const root = new Uint8Array(32).fill(7);
const staged = new File(['content'], '');
const otherHash = toBase64url(new Uint8Array(32));

beforeEach(hashInStep);
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const sent = (person: Person) =>
  person.outgoing
    .view()
    .flatMap(({ deliveries }) => deliveries.map(({ peer, state, failure }) => [peer, state, failure]));
const got = (person: Person) => person.incoming.view().map(({ name, state, failure }) => [name, state, failure]);
const ids = (person: Person) => person.incoming.view().map(({ id }) => id);

/** Alice has offered one file, and Bob sees it. */
async function offered() {
  const people = await aliceAndBob();
  await people.alice.offer([picked('a.txt')], 'bob');
  await people.meeting.carry();
  return { ...people, id: ids(people.bob)[0] ?? '', outId: people.alice.outgoing.view()[0]?.id ?? '' };
}

/** And he said yes to it. */
async function accepted() {
  const people = await offered();
  people.bob.incoming.accept([people.id]);
  await people.meeting.carry();
  return people;
}

test('a file goes from offer to yes, to bytes, to verified, and only then waits to be saved', async () => {
  const { alice, bob, meeting, id } = await offered();
  expect([sent(alice), got(bob)]).toEqual([[['bob', 'offered', undefined]], [['a.txt', 'offered', undefined]]]);
  expect([alice.engine.streams('serve'), bob.engine.streams('receive')]).toEqual([[], []]);

  bob.incoming.accept([id]);
  await meeting.carry();
  expect(alice.engine.streams('serve')).toEqual(bob.engine.streams('receive'));
  expect([sent(alice), got(bob)]).toEqual([[['bob', 'sending', undefined]], [['a.txt', 'receiving', undefined]]]);

  alice.outgoing.handleServed(alice.engine.last('serve'), root);
  await meeting.carry();
  expect(bob.engine.streams('root')).toEqual(bob.engine.streams('receive'));
  expect(bob.incoming.staged([id])).toEqual([]);

  bob.incoming.handleStaged(bob.engine.last('receive'), root, staged, false);
  await meeting.carry();
  expect([sent(alice), got(bob)]).toEqual([[['bob', 'verified', undefined]], [['a.txt', 'verified', undefined]]]);
  expect(alice.engine.streams('stop')).toEqual(alice.engine.streams('serve'));
  expect(bob.incoming.staged([id])).toEqual([{ id, name: 'a.txt', path: 'a.txt', modified: 1, file: staged }]);
  bob.incoming.free([id]);
  expect(bob.incoming.staged([id]), 'only what was saved can be freed').toHaveLength(1);
  bob.incoming.markSaved([id]);
  expect(got(bob)).toEqual([['a.txt', 'saved', undefined]]);
  expect(bob.engine.downloads, 'small, and without a name').toEqual([{ partials: [], others: true }]);
  expect([bob.incoming.staged([id]).length, bob.engine.streams('stop')]).toEqual([1, []]);
  bob.incoming.free([id]);
  expect(bob.engine.streams('stop')).toEqual([bob.engine.last('receive').stream]);
  expect(bob.incoming.staged([id])).toEqual([]);
  expect(bob.incoming.view()).toMatchObject([{ state: 'saved', isStaged: false }]);
});

test('progress is seen on both sides', async () => {
  const { alice, bob, id } = await accepted();
  for (const [nowMs, bytes] of [
    [0, 1],
    [1_000, 3],
  ] as const) {
    [alice.nowMs, bob.nowMs] = [nowMs, nowMs];
    alice.outgoing.handleProgress({ ...alice.engine.last('serve'), bytes });
    bob.incoming.handleProgress({ ...bob.engine.last('receive'), bytes });
  }
  const moving = { bytes: 3, bytesPerSecond: 2, secondsLeft: 2 };
  expect(alice.outgoing.view()[0]?.deliveries[0]).toMatchObject(moving);
  expect(bob.incoming.view().find((file) => file.id === id)).toMatchObject(moving);
});

describe('what Alice serves', () => {
  test('is nothing for a yes to an offer she did not make in this session', async () => {
    const { alice, bob, meeting, id } = await offered();
    bob.incoming.accept([id]);
    const accept = messageOf(meeting.channelOf(bob).onTheWay.splice(0), 'accept');
    const forged = { ...accept, offers: accept.offers.map(({ files }) => ({ hash: otherHash, files })) };
    await alice.hear(meeting.channelOf(alice), forged);
    expect([alice.engine.streams('serve'), sent(alice)]).toEqual([[], [['bob', 'offered', undefined]]]);
  });

  test("is nothing for a yes to another person's file", async () => {
    const { alice, bob, meeting } = await aliceAndBob();
    const carol = new Person('carol');
    const withCarol = new Meeting(alice, carol, 2);
    await withCarol.begin();
    await alice.offer([picked('a.txt')], 'bob', 'carol');
    const toBob = messageOf(await meeting.carryFrom(alice), 'offer');
    await withCarol.carry();
    carol.incoming.accept(ids(carol));
    const own = messageOf(withCarol.channelOf(carol).onTheWay.splice(0), 'accept');
    const stolen = own.offers.map(({ hash }) => ({
      hash,
      files: [{ fileId: toBob.files[0]?.fileId ?? '', stream: 5 }],
    }));
    await alice.hear(withCarol.channelOf(alice), { type: 'accept', offers: stolen });
    expect(alice.engine.streams('serve')).toEqual([]);
    expect(got(bob)).toEqual([['a.txt', 'offered', undefined]]);
  });

  test('goes on, whatever another person says of it', async () => {
    const { alice, meeting, bob } = await accepted();
    const carol = new Meeting(alice, new Person('carol'), 2);
    await carol.begin();
    const fileIds = bob.incoming.view().map(({ id }) => id.split(' ')[1] ?? '');
    for (const type of ['cancel', 'pause', 'decline'] as const) {
      await alice.hear(carol.channelOf(alice), { type, fileIds });
    }
    await alice.hear(carol.channelOf(alice), { type: 'failed', fileIds, code: 'disk-full' });
    const files = fileIds.map((fileId) => ({ fileId, root: otherHash }));
    await alice.hear(carol.channelOf(alice), { type: 'verified', files });
    expect([sent(alice), meeting.channelOf(alice).failures]).toEqual([[['bob', 'sending', undefined]], []]);
    expect([alice.engine.streams('stop'), carol.channelOf(alice).failures]).toEqual([[], []]);
  });

  test('is each file once, on the stream it was first accepted under', async () => {
    const { alice, bob, meeting, id } = await offered();
    bob.incoming.accept([id]);
    const accept = messageOf(await meeting.carryFrom(bob), 'accept');
    const again = accept.offers.map(({ hash, files }) => ({
      hash,
      files: files.map((file) => ({ ...file, stream: 5 })),
    }));
    await alice.hear(meeting.channelOf(alice), accept);
    await alice.hear(meeting.channelOf(alice), { type: 'accept', offers: again });
    expect(alice.engine.streams('serve')).toEqual(bob.engine.streams('receive'));
    expect(alice.engine.streams('stop')).toEqual([5]);
  });

  test('is nothing that she withdrew while the yes was on its way', async () => {
    const { alice, bob, meeting, id, outId } = await offered();
    bob.incoming.accept([id]);
    alice.outgoing.withdraw(outId);
    await meeting.carry();
    expect(alice.engine.streams('serve')).toEqual([]);
    // The requests that may have overtaken the yes find an ended stream.
    expect(alice.engine.streams('stop')).toEqual(bob.engine.streams('receive'));
    expect(bob.engine.streams('stop')).toEqual(bob.engine.streams('receive'));
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'withdrawn', undefined]], [['a.txt', 'withdrawn', undefined]]]);
  });

  test('stops when she withdraws it, for everybody', async () => {
    const { alice, bob, meeting, outId } = await accepted();
    alice.outgoing.withdraw(outId);
    alice.outgoing.withdraw(outId);
    expect(alice.engine.streams('stop')).toEqual(alice.engine.streams('serve'));
    expect((await meeting.carryFrom(alice)).map(({ type }) => type)).toEqual(['withdraw']);
    expect(got(bob)).toEqual([['a.txt', 'withdrawn', undefined]]);
    bob.incoming.accept(ids(bob));
    expect(meeting.channelOf(bob).onTheWay).toEqual([]);
  });

  test('ends the session when it is called verified with another root, or before she named one', async () => {
    const { alice, bob, meeting } = await accepted();
    bob.incoming.handleStaged(bob.engine.last('receive'), root.slice().fill(1), staged, false);
    await meeting.carry();
    expect(meeting.channelOf(alice).failures.map(({ code }) => code)).toEqual(['protocol']);
    expect(sent(alice)).toEqual([['bob', 'sending', undefined]]);
  });
});

describe('what Bob does not want', () => {
  test('he can take back for five seconds, and Alice never hears of it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { bob, meeting, id } = await offered();
    bob.incoming.decline(id);
    expect(bob.incoming.view()[0]).toMatchObject({ state: 'declined', canUndo: true });
    vi.advanceTimersByTime(4_999);
    bob.incoming.undoDecline(id);
    vi.advanceTimersByTime(60_000);
    expect(bob.incoming.view()[0]).toMatchObject({ state: 'offered', canUndo: false });
    expect(meeting.channelOf(bob).onTheWay).toEqual([]);
    bob.incoming.accept([id]);
    expect(meeting.channelOf(bob).onTheWay).toMatchObject([{ type: 'accept' }]);
  });

  test('Alice hears of when the five seconds are over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { alice, bob, meeting, id } = await offered();
    bob.incoming.decline(id);
    bob.incoming.accept([id]);
    vi.advanceTimersByTime(5_000);
    await meeting.carry();
    bob.incoming.undoDecline(id);
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'declined', undefined]], [['a.txt', 'declined', undefined]]]);
    expect(bob.engine.streams('receive')).toEqual([]);
  });

  test('any more he cancels, and both sides stop', async () => {
    const { alice, bob, meeting, id } = await accepted();
    bob.incoming.cancel(id);
    await meeting.carry();
    bob.incoming.handleStaged(bob.engine.last('receive'), root, staged, false);
    alice.outgoing.handleServed(alice.engine.last('serve'), root);
    await meeting.carry();
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'failed', 'cancelled']], [['a.txt', 'declined', 'cancelled']]]);
    expect(alice.engine.streams('stop')).toEqual(alice.engine.streams('serve'));
    expect(bob.engine.streams('stop')).toEqual(bob.engine.streams('receive'));
  });

  test('just now he pauses, and goes on with later', async () => {
    const { alice, bob, meeting, id } = await accepted();
    bob.incoming.pause(id);
    await meeting.carry();
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'paused', undefined]], [['a.txt', 'paused', undefined]]]);
    bob.incoming.resume(id);
    await meeting.carry();
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'sending', undefined]], [['a.txt', 'receiving', undefined]]]);
    expect([bob.engine.streams('pause'), bob.engine.streams('resume')]).toEqual([
      bob.engine.streams('receive'),
      bob.engine.streams('receive'),
    ]);
  });
});

test.each([
  ['hers', 'file-changed', 'file-changed'],
  ['hers', 'file-unreadable', 'file-unreadable'],
  ['hers', 'asked-too-often', 'asked-too-often'],
  ['his', 'disk-full', 'disk-full'],
  ['his', 'hash-mismatch', 'hash-mismatch'],
  ['his', 'memory-only', 'internal'],
] as const)(
  'a file that cannot go on fails on both sides: on %s as %s, on the other as %s',
  async (side, code, told) => {
    const { alice, bob, meeting } = await accepted();
    if (side === 'hers') alice.outgoing.handleTransferFailed(alice.engine.last('serve'), new Failure(code));
    else bob.incoming.handleTransferFailed(bob.engine.last('receive'), new Failure(code));
    await meeting.carry();
    const [hers, his] = side === 'hers' ? [code, told] : [told, code];
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'failed', hers]], [['a.txt', 'failed', his]]]);
    expect(alice.engine.streams('stop')).toEqual(alice.engine.streams('serve'));
    expect(bob.engine.streams('stop')).toEqual(bob.engine.streams('receive'));
  },
);

test('a file there is no more room for waits on both sides, says why, and goes on when the person says so', async () => {
  const { alice, bob, meeting, id } = await accepted();
  bob.incoming.handleFull(bob.engine.last('receive'));
  await meeting.carry();
  expect([sent(alice), got(bob)]).toEqual([[['bob', 'paused', undefined]], [['a.txt', 'paused', 'disk-full']]]);
  bob.incoming.resume(id);
  await meeting.carry();
  expect([sent(alice), got(bob)]).toEqual([[['bob', 'sending', undefined]], [['a.txt', 'receiving', undefined]]]);
  expect(bob.engine.last('resume')).toEqual(bob.engine.last('receive'));
});

test('what files would take is what is still to come of them and of all that is on its way', async () => {
  const { alice, bob, meeting, id } = await accepted();
  await alice.offer([picked('b.txt')], 'bob');
  await meeting.carry();
  const [a, b] = bob.incoming.view();
  const sizes = [a?.size ?? 0, b?.size ?? 0] as const;
  bob.incoming.handleProgress({ ...bob.engine.last('receive'), bytes: 1 });
  expect(bob.incoming.bytesNeeded([])).toBe(sizes[0] - 1);
  expect(bob.incoming.bytesNeeded([id, b?.id ?? ''])).toBe(sizes[0] - 1 + sizes[1]);
  bob.incoming.cancel(id);
  expect(bob.incoming.bytesNeeded([id])).toBe(0);
});

describe('when the two lose each other', () => {
  test('what was moving stops, is offered again under the same id when they are back, and goes on by itself', async () => {
    const { alice, bob, meeting, id } = await accepted();
    meeting.end();
    expect([sent(alice), got(bob)]).toEqual([
      [['bob', 'offered', 'peer-gone']],
      [['a.txt', 'interrupted', 'peer-gone']],
    ]);
    expect(alice.engine.streams('stop')).toEqual(alice.engine.streams('serve'));
    // His engine let go of it with the link.
    expect(bob.engine.streams('stop')).toEqual([]);

    const again = new Meeting(alice, bob, 2);
    await again.begin();
    await again.carry();
    expect(ids(bob)).toEqual([id]);
    expect(alice.engine.last('serve')).toMatchObject({ link: 2, stream: bob.engine.last('receive').stream });
    expect(new Set(bob.engine.streams('receive')).size).toBe(2);
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'sending', undefined]], [['a.txt', 'receiving', undefined]]]);
  });

  test('what was only offered is asked about again', async () => {
    const { alice, bob, meeting } = await offered();
    meeting.end();
    const again = new Meeting(alice, bob, 2);
    await again.begin();
    await again.carry();
    expect([got(bob), bob.engine.streams('receive')]).toEqual([[['a.txt', 'offered', undefined]], []]);
  });

  test('what was paused is paused when it is back', async () => {
    const { alice, bob, meeting, id } = await accepted();
    bob.incoming.pause(id);
    await meeting.carry();
    meeting.end();
    const again = new Meeting(alice, bob, 2);
    await again.begin();
    await again.carry();
    expect([sent(alice), got(bob)]).toEqual([[['bob', 'paused', undefined]], [['a.txt', 'paused', undefined]]]);
    expect(bob.engine.last('pause')).toEqual(bob.engine.last('receive'));
  });

  test('what was let go of meanwhile is asked about again', async () => {
    const { alice, bob, meeting, id } = await accepted();
    meeting.end();
    bob.incoming.cancel(id);
    const again = new Meeting(alice, bob, 2);
    await again.begin();
    await again.carry();
    expect(got(bob)).toEqual([['a.txt', 'offered', undefined]]);
  });

  test('a yes of the session before is no yes in the next', async () => {
    const { alice, bob, meeting, id } = await offered();
    bob.incoming.accept([id]);
    const accept = messageOf(meeting.channelOf(bob).onTheWay, 'accept');
    meeting.end();
    const again = new Meeting(alice, bob, 2);
    await again.begin();
    await alice.hear(again.channelOf(alice), accept);
    expect(alice.engine.streams('serve')).toEqual([]);
  });

  test('what was withdrawn meanwhile is not offered again, and what was verified stays', async () => {
    const { alice, bob, meeting, id } = await accepted();
    await alice.offer([picked('b.txt')], 'bob');
    await meeting.carry();
    alice.outgoing.handleServed(alice.engine.last('serve'), root);
    bob.incoming.handleStaged(bob.engine.last('receive'), root, staged, false);
    await meeting.carry();
    meeting.end();
    for (const { id: outId } of alice.outgoing.view()) alice.outgoing.withdraw(outId);
    const again = new Meeting(alice, bob, 2);
    await again.begin();
    expect(await again.carryFrom(alice)).toEqual([]);
    expect([sent(alice), got(bob)]).toEqual([
      [
        ['bob', 'verified', undefined],
        ['bob', 'withdrawn', undefined],
      ],
      [
        ['a.txt', 'verified', undefined],
        ['b.txt', 'interrupted', 'peer-gone'],
      ],
    ]);
    expect(bob.incoming.staged([id])).toHaveLength(1);
  });
});

test('who comes later sees nothing until it is offered to them', async () => {
  const { alice } = await offered();
  const carol = new Person('carol');
  const withCarol = new Meeting(alice, carol, 2);
  await withCarol.begin();
  await withCarol.carry();
  expect([got(carol), alice.outgoing.unseenBy('carol'), alice.outgoing.unseenBy('bob')]).toEqual([[], 1, 0]);
  await alice.outgoing.offerTo('carol');
  await withCarol.carry();
  expect([got(carol), alice.outgoing.unseenBy('carol')]).toEqual([[['a.txt', 'offered', undefined]], 0]);
});

test('ids of files are no two alike, not even of one file for two people', async () => {
  const { alice, meeting } = await aliceAndBob();
  const carol = new Person('carol');
  const withCarol = new Meeting(alice, carol, 2);
  await withCarol.begin();
  await alice.offer([picked('a.txt'), picked('b.txt')], 'bob', 'carol');
  const offers = [...(await meeting.carryFrom(alice)), ...(await withCarol.carryFrom(alice))];
  const fileIds = offers.flatMap((offer) => (offer.type === 'offer' ? offer.files.map(({ fileId }) => fileId) : []));
  expect([fileIds.length, new Set(fileIds).size]).toEqual([4, 4]);
});
