import { createHash } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { toBase64url, toHex, utf8, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import {
  DIAL_MS,
  HANDSHAKE_MS,
  KNOCK_PAUSE_MS,
  MAX_CONTROL_BYTES,
  MAX_MEMBERS,
  MAX_PENDING_KNOCKS,
  MAX_UNAUTHENTICATED,
} from '../protocol/limits.ts';
import { Handshake } from '../identity/handshake.ts';
import { signRoster, type Roster, type SignedRoster } from '../identity/roster.ts';
import { type MemoryControlChannel } from '../testing/control-channels.ts';
import { failureOf, settled } from '../testing/expecting.ts';
import { settle } from '../testing/scheduler.ts';
import {
  aliceAtHome,
  allInside,
  HOUR,
  hostKey,
  idOf,
  letIn,
  pass,
  timeStandsStill,
  room,
  roomId,
  bindKey,
  Street,
  type Page,
  type PageOptions,
} from '../testing/street.ts';

function signedOf({ membership }: Page): SignedRoster {
  if (!membership.signed) throw new Error('there is no roster');
  return membership.signed;
}

/** A page closed and opened again: the same key and roster, and the same seat unless another is given. */
async function reopened(street: Street, page: Page, options: PageOptions): Promise<Page> {
  const again = street.page(page.name, options);
  await again.membership.restore(signedOf(page));
  return again;
}

/** One link, the same at both ends, that stands. */
function expectLinked(one: Page, other: Page): void {
  const [here, there] = [one.linkTo(other), other.linkTo(one)];
  expect([here.ready, there.ready, here.link.open, there.link.open]).toEqual([true, true, true, true]);
  expect(toHex(here.th)).toBe(toHex(there.th));
}

timeStandsStill();

describe('a guest', () => {
  test('rings, is shown the door, knocks, is let in, and both are ready', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    expect(street.said).toEqual(['Bob ring Alice', 'Alice door Bob']);
    expect([alice.told, bob.told]).toEqual([['knock Bob'], ["Alice's door"]]);
    expect([alice.linkTo(bob).ready, bob.linkTo(alice).ready, bob.membership.rev]).toEqual([false, false, 0]);
    await letIn(alice, bob);
    expect([alice.told, bob.told]).toEqual([
      ['knock Bob', 'ready Bob'],
      ["Alice's door", 'ready Alice'],
    ]);
    expectLinked(alice, bob);
    expect(bob.membership.signed).toEqual(alice.membership.signed);
    expect(alice.membership.member(bob.key.text)).toEqual({ key: bob.key.text, name: 'Bob', peerId: bob.peer });
  });

  test('is answered by the host alone, and rings again for as long as nobody answers', async () => {
    const { street, alice, bob, carol } = await allInside();
    await street.leave(alice);
    const dave = street.page('Dave', { seed: 4 });
    await street.join(dave);
    const rings = () => street.said.filter((line) => line === 'Dave ring Bob').length;
    expect(rings()).toBe(1);
    await pass(5_000);
    expect(rings()).toBe(2);
    expect(street.said.filter((line) => line.includes('door'))).toEqual([]);
    expect([dave.told, street.dialled]).toEqual([[], []]);
    for (const page of [bob, carol]) expect(page.told).toEqual(['closed Alice']);
  });

  test('who is let in by its key and has a knock on its way is let in all the same', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await alice.membership.admit({ key: bob.key.text, name: 'Bob', peerId: bob.peer });
    await street.join(bob);
    expectLinked(alice, bob);
    expect([alice.told, bob.told]).toEqual([['ready Bob'], ["Alice's door", 'ready Alice']]);
  });

  test('is turned away, hears it, and rests until its person asks again', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    alice.meeting.greeting.turnAway(bob.key.text);
    await pass(1_000);
    expect(bob.told.toSorted()).toEqual(["Alice's door", 'closed Alice', 'turned-away']);
    expect([alice.meeting.guests, bob.meeting.guests]).toEqual([[], []]);
    street.said.length = 0;
    await pass(60_000);
    expect(street.said).toEqual([]);
    bob.meeting.knockAgain();
    await settle();
    expect(alice.told.at(-1)).toBe('knock Bob');
  });

  test.each<[string, (alice: Page) => Promise<void> | void, string]>([
    ['is locked', ({ membership }) => membership.lock(true), 'room-locked'],
    ['has expired', () => pass(HOUR * 1_000), 'room-expired'],
  ])('at a room that %s is turned away, and the host is not asked', async (_, close, code) => {
    const { street, alice } = await aliceAtHome();
    await close(alice);
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    expect(bob.told.toSorted()).toEqual(["Alice's door", 'closed Alice', code]);
    expect(alice.told).toEqual(['closed Bob']);
    expect(alice.membership.rev).toBeLessThan(3);
  });

  test('finds the room busy when three others wait', async () => {
    const { street, alice } = await aliceAtHome();
    const guests = Array.from({ length: MAX_PENDING_KNOCKS + 1 }, (_, i) => street.page(`Nr ${i}`, { seed: 10 + i }));
    await street.join(...guests);
    expect(guests.map(({ told }) => told.includes('room-busy'))).toEqual([false, false, false, true]);
    expect(alice.told.filter((line) => line.startsWith('knock'))).toEqual(['knock Nr 0', 'knock Nr 1', 'knock Nr 2']);
    // One of them is let in: there is room for another who waits.
    const [first, , , last] = guests;
    if (!first || !last) throw new Error('four guests');
    await letIn(alice, first);
    last.meeting.knockAgain();
    await settle();
    expect(alice.told.at(-1)).toBe('knock Nr 3');
  });

  test('may knock again ten seconds after it was turned away', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    alice.meeting.greeting.turnAway(bob.key.text);
    await pass(KNOCK_PAUSE_MS - 1_000);
    bob.told.length = 0;
    bob.meeting.knockAgain();
    await settle();
    expect(bob.told).toContain('room-busy');
    await pass(1_000);
    bob.meeting.knockAgain();
    await settle();
    expect(alice.told.filter((line) => line === 'knock Bob')).toHaveLength(2);
  });

  test('whose page is reloaded while it waits waits again at once', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    await street.leave(bob);
    const again = street.page('Bob', { seed: 2 });
    await street.join(again);
    expect(alice.told).toEqual(['knock Bob', 'closed Bob', 'knock Bob']);
    await letIn(alice, again);
    expectLinked(alice, again);
  });

  test('who hears two answers to one ring dials once', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    street.say(alice.peer, bob.peer, { kind: 'door', name: 'once more' });
    await settle();
    expect(street.dialled).toEqual(['Bob Alice']);
    expect(alice.told).toEqual(['knock Bob']);
  });

  test('who knocks again while it waits, or for another tab, broke the protocol', async () => {
    for (const peerId of [idOf(2), idOf(7)]) {
      const { street, alice } = await aliceAtHome();
      const bob = street.page('Bob', { seed: 2 });
      await street.join(bob);
      bob.linkTo(alice).link.send({ type: 'knock', name: 'Bob', peerId });
      await settle();
      expect(alice.told).toEqual(['knock Bob', 'closed Bob protocol']);
    }
  });

  test('who goes before it is let in was never ready', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    // The yes takes a moment to be signed and stored, and in that moment the tab is closed.
    const letting = alice.meeting.greeting.letIn(bob.key.text);
    alice.linkTo(bob).link.fail(new Failure('peer-gone'));
    await settled(letting);
    await settle();
    expect(alice.told).toEqual(['knock Bob', 'closed Bob peer-gone']);
  });

  test('for whom there is no room is not left waiting where nobody sees it', async () => {
    const { street, alice } = await aliceAtHome();
    const others = Array.from({ length: MAX_MEMBERS - 1 }, (_, i) => ({
      key: toBase64url(new Uint8Array(32).fill(100 + i)),
      name: `Nr ${i}`,
      peerId: idOf(100 + i),
    }));
    for (const member of others) await alice.membership.admit(member);
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    expect(await settled(alice.meeting.greeting.letIn(bob.key.text))).toEqual(failureOf('room-full'));
    await settle();
    const waits = bob.meeting.guest(alice.key.text)?.knocking ?? false;
    expect(alice.meeting.guest(bob.key.text)?.knocking ?? false).toBe(waits);
  });
});

describe('a member', () => {
  test('comes back without knocking, be the room locked or expired', async () => {
    const { street, alice, bob, carol } = await allInside();
    await alice.membership.lock(true);
    await street.leave(bob);
    await pass(HOUR * 1_000);
    const again = await reopened(street, bob, { seed: 2 });
    await street.join(again);
    expect(again.told.toSorted()).toEqual(['ready Alice', 'ready Carol']);
    expect(alice.told).toEqual(['closed Bob', 'ready Bob']);
    expectLinked(alice, again);
    expectLinked(carol, again);
  });

  test('comes back under another peer id: the host notes it and everybody finds it there', async () => {
    const { street, alice, bob, carol } = await allInside();
    await street.leave(bob);
    const { rev } = alice.membership;
    const again = await reopened(street, bob, { seed: 2, peer: idOf(22) });
    await street.join(again);
    expect(alice.membership.member(bob.key.text)?.peerId).toBe(idOf(22));
    expect(carol.membership.memberAt(idOf(22))?.key).toBe(bob.key.text);
    expect([alice, again, carol].map(({ membership }) => membership.rev)).toEqual([rev + 1, rev + 1, rev + 1]);
    expect(alice.told).toEqual(['closed Bob', 'ready Bob']);
    expectLinked(alice, again);
    expectLinked(carol, again);
  });

  test('finds the host again under another peer id', async () => {
    const { street, alice, bob, carol } = await allInside();
    await street.leave(alice);
    const again = street.page('Alice', { seed: 1, isHost: true, peer: idOf(11) });
    await again.membership.open({ name: 'Alice', peerId: again.peer }, HOUR, signedOf(alice));
    await street.join(again);
    for (const guest of [bob, carol]) {
      expect(guest.told.filter((line) => line.startsWith('ready'))).toEqual(['ready Alice']);
      expectLinked(again, guest);
      expect(guest.membership.memberAt(idOf(11))?.key).toBe(alice.key.text);
    }
    expect(again.told.toSorted()).toEqual(['ready Bob', 'ready Carol']);
  });

  test('meets another: the later one in the list dials, and both are ready', async () => {
    const { street, alice } = await aliceAtHome();
    const [bob, carol] = [street.page('Bob', { seed: 2 }), street.page('Carol', { seed: 3 })];
    await street.join(bob, carol);
    await letIn(alice, bob, carol);
    expect(street.dialled).toEqual(['Bob Alice', 'Carol Alice', 'Carol Bob']);
    expectLinked(bob, carol);
    expect([bob.told, carol.told]).toEqual([
      ["Alice's door", 'ready Alice', 'ready Carol'],
      ["Alice's door", 'ready Alice', 'ready Bob'],
    ]);
  });

  test('is ready for another through the roster the other had first', async () => {
    // The host is away; Bob has heard that Carol is in the room, and Carol has not heard of the change after that.
    const { street, alice, bob, carol } = await allInside();
    await Promise.all([street.leave(carol), street.leave(bob)]);
    const older = await reopened(street, carol, { seed: 3 });
    await alice.membership.lock(true);
    const newer = street.page('Bob', { seed: 2 });
    await newer.membership.restore(signedOf(alice));
    await street.leave(alice);
    expect(newer.membership.rev).toBe(older.membership.rev + 1);
    await street.join(newer, older);
    expectLinked(newer, older);
    expect(older.membership.roster).toEqual(newer.membership.roster);
  });

  test('passes a newer roster on to whoever has not got it', async () => {
    const { street, alice, bob, carol } = await allInside();
    await street.leave(alice);
    // Signed while nobody else heard of it, and brought by one member.
    await alice.membership.lock(true);
    await bob.membership.take(signedOf(alice));
    await settle();
    expect(carol.membership.roster).toMatchObject({ locked: true, rev: alice.membership.rev });
    expectLinked(bob, carol);
  });

  test('says no other word than its greeting to a non-member, and does not answer its dials', async () => {
    const { street, bob, carol } = await allInside();
    const dave = street.page('Dave', { seed: 4 });
    await street.join(dave);
    for (const page of [bob, carol, dave]) {
      const others = [...street.pages.keys()].filter((peer) => peer !== page.peer);
      const known = others.filter((peer) => page.membership.memberAt(peer));
      expect(others.filter((peer) => page.meeting.answers(peer))).toEqual(known);
    }
    expect(dave.meeting.answers(bob.peer)).toBe(false);
  });

  test('whose connection the browser gave up is met again without a knock', async () => {
    const { street, alice, bob } = await allInside();
    const { connection } = bob.linkTo(alice);
    street.connections.find((end) => end.asConnection === connection)?.fail();
    await pass(0);
    expect(bob.told).toEqual(['closed Alice peer-gone']);
    await pass(1_000);
    expect(bob.told).toEqual(['closed Alice peer-gone', 'ready Alice']);
    expectLinked(alice, bob);
  });

  test('that cannot be reached is dialled on and on, and the person is told once', async () => {
    const { street, bob, carol } = await allInside();
    await Promise.all([street.leave(bob), street.leave(carol)]);
    const again = await reopened(street, carol, { seed: 3 });
    // Bob's seat is taken by a page that answers nobody.
    const silent = street.page('Silent', { seed: 66, peer: bob.peer });
    await street.join(silent, again);
    await pass(5 * DIAL_MS);
    // At once, twice after a second, and then after two: a dial in vain takes its time too.
    expect(street.dialled.filter((line) => line === 'Carol Silent')).toHaveLength(5);
    expect(again.told).toEqual(['ready Alice', 'failed connection-failed']);
    const back = await reopened(street, bob, { seed: 2 });
    await street.join(back);
    await pass(2 * DIAL_MS);
    expectLinked(again, back);
  });
});

describe('somebody else', () => {
  test('on the seat of a member is shown nothing: it has another key', async () => {
    const { street, alice, bob, carol } = await allInside();
    await Promise.all([street.leave(bob), street.leave(carol)]);
    await street.leave(alice);
    const mallory = street.page('Mallory', { seed: 66, peer: bob.peer, answersAll: true });
    const again = await reopened(street, carol, { seed: 3 });
    street.connections.length = 0;
    await street.join(mallory, again);
    await pass(HANDSHAKE_MS);
    // It may be tried again, but not for ever, and never with another end.
    await pass(60_000);
    expect(new Set(again.told)).toEqual(new Set(['failed authentication-failed']));
    expect(street.dialled.filter((line) => line === 'Carol Mallory')).toHaveLength(3);
    expect([again.meeting.guests, mallory.meeting.guests]).toEqual([[], []]);
    // Carol's first message only, every time, which holds neither key nor name.
    const hers = street.connections.filter((_, i) => i % 2 === 0);
    expect(hers.flatMap(({ control }) => control.sent.map((message) => message.length))).toEqual([66, 66, 66]);
  });

  test('who answers the bell is shown nothing: it has not the key of the link', async () => {
    const street = new Street();
    const mallory = street.page('Mallory', { seed: 66, isHost: true });
    const bob = street.page('Bob', { seed: 2 });
    await street.join(mallory, bob);
    await pass(HANDSHAKE_MS);
    expect(bob.told.slice(0, 2)).toEqual(["Mallory's door", 'failed authentication-failed']);
    expect(bob.told.some((line) => line.startsWith('ready'))).toBe(false);
    expect(mallory.told).toEqual([]);
    for (const { control } of street.connections) {
      for (const message of control.sent) expect(typeof message).not.toBe('string');
    }
  });

  test('who comes from the seat of a member with another key is not taken for it', async () => {
    const { street, alice, bob } = await allInside();
    await street.leave(bob);
    const mallory = street.page('Mallory', { seed: 66, peer: bob.peer });
    await street.join(mallory);
    await pass(HANDSHAKE_MS);
    expect(mallory.told).toContain('failed authentication-failed');
    // The host is told that somebody else sits there, and no more.
    expect(new Set(alice.told)).toEqual(new Set(['closed Bob', 'failed authentication-failed']));
    expect(alice.meeting.guests.map(({ peer }) => peer)).toEqual([idOf(3)]);
  });

  test('who is blocked is refused, and nobody hears of it', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    alice.blocked.add(bob.key.text);
    await street.join(bob);
    expect(bob.told).toEqual(["Alice's door", 'failed authentication-failed']);
    expect([alice.told, alice.meeting.guests]).toEqual([[], []]);
  });

  test('who was blocked by a guest is refused by it, the host too', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    bob.blocked.add(alice.key.text);
    await street.join(bob);
    expect(bob.told).toEqual(["Alice's door", 'failed authentication-failed']);
    expect(alice.told).toEqual([]);
  });

  test('who says nothing keeps the host from nobody for longer than a handshake may take', async () => {
    const { street, alice } = await aliceAtHome();
    for (let n = 0; n < MAX_UNAUTHENTICATED; n++) {
      expect(alice.meeting.answers(idOf(50 + n))).toBe(true);
      const [, theirs] = street.wire({ der: utf8(`silent ${n}`) }, alice);
      alice.meeting.answered(idOf(50 + n), theirs.asConnection);
      expect(alice.meeting.answers(idOf(50 + n))).toBe(false);
    }
    await settle();
    expect(alice.meeting.answers(idOf(60))).toBe(false);
    await pass(HANDSHAKE_MS);
    expect(alice.meeting.answers(idOf(60))).toBe(true);
    expect(street.connections.filter(({ connectionState }) => connectionState === 'closed')).toHaveLength(4);
    expect(alice.told).toEqual([]);
  });
});

describe('whoever is taken out', () => {
  test('hears it, and every link to it is closed', async () => {
    const { street, alice, bob, carol } = await allInside();
    await alice.membership.remove(bob.key.text);
    await pass(1_000);
    expect(bob.told.filter((line) => line === 'removed')).toEqual(['removed']);
    expect([bob.meeting.guests, bob.membership.roster]).toEqual([[], undefined]);
    expect([alice.linked, carol.linked]).toEqual([['Carol'], ['Alice']]);
    expectLinked(alice, carol);
    // It rests: nobody is rung or dialled.
    street.said.length = 0;
    street.dialled.length = 0;
    await pass(60_000);
    expect([street.said, street.dialled]).toEqual([[], []]);
  });

  test('while it was away hears it when it is back, and may then knock like anybody', async () => {
    const { street, alice, bob, carol } = await allInside();
    await street.leave(bob);
    const again = await reopened(street, bob, { seed: 2 });
    await alice.membership.remove(bob.key.text);
    await street.join(again);
    await pass(1_000);
    expect(again.told.filter((line) => line === 'removed')).toEqual(['removed']);
    expect([again.membership.roster, again.meeting.guests]).toEqual([undefined, []]);
    expect(carol.told.some((line) => line === 'ready Bob')).toBe(false);
    await pass(KNOCK_PAUSE_MS);
    again.meeting.knockAgain();
    await settle();
    expect(alice.told.at(-1)).toBe('knock Bob');
  });

  test('by a roster a member brings is out: it closes its links and forgets', async () => {
    const { street, alice, bob, carol } = await allInside();
    await street.leave(alice);
    await alice.membership.remove(bob.key.text);
    await carol.membership.take(signedOf(alice));
    await pass(1_000);
    expect([carol.linked, bob.meeting.guests]).toEqual([[], []]);
    // A member who has the newer roster says nothing of it to whoever is not in it; the host will.
    expect(bob.told).not.toContain('ready Carol');
  });

  test('is the one who was meant: cutting somebody off closes that link alone', async () => {
    const { alice, bob, carol } = await allInside();
    carol.meeting.greeting.cutOff(bob.key.text);
    await settle();
    expect(bob.told).toEqual(['closed Carol']);
    expectLinked(alice, bob);
    expectLinked(alice, carol);
  });
});

describe('a roster', () => {
  const fork = (base: Roster, change: Partial<Roster>) => signRoster({ ...base, ...change }, hostKey);

  test('of the same number with other bytes is refused and shown', async () => {
    const { street, alice, bob, carol } = await allInside();
    await street.leave(alice);
    const { roster } = alice.membership;
    if (!roster) throw new Error('there is no roster');
    const rev = roster.rev + 1;
    const [one, other] = await Promise.all([fork(roster, { rev }), fork(roster, { rev, locked: true })]);
    await Promise.all([bob.membership.take(one), carol.membership.take(other)]);
    await pass(0);
    expect([...bob.told, ...carol.told]).toContain('conflict');
    expect([...bob.told, ...carol.told]).toContainEqual(expect.stringMatching(/^closed \w+ roster-conflict$/));
    expect([bob.membership.signed, carol.membership.signed]).toEqual([one, other]);
  });

  test('no host signed ends the link', async () => {
    const { alice, bob, carol } = await allInside();
    const { roster } = alice.membership;
    if (!roster) throw new Error('there is no roster');
    const forged = await signRoster({ ...roster, rev: roster.rev + 1 }, bob.key);
    bob.linkTo(carol).link.send({ type: 'roster', signed: toBase64url(forged) });
    await settle();
    expect(carol.told).toEqual(['closed Bob protocol']);
    expect(carol.membership.rev).toBe(roster.rev);
  });

  test('of a higher number than the host knows is passed by it, for everybody', async () => {
    const { street, alice, bob, carol } = await allInside();
    const copy = signedOf(alice);
    await alice.membership.lock(true);
    await street.leave(alice);
    // An older copy of the browser's storage came back.
    const again = street.page('Alice', { seed: 1, isHost: true });
    await again.membership.open({ name: 'Alice', peerId: again.peer }, HOUR, copy);
    // Signed by nobody else's key and under a number that was used before: the members have another of it.
    await again.membership.lock(true);
    await bob.membership.take(await fork(bob.membership.roster ?? raise(), { rev: 40 }));
    await settle();
    await street.join(again);
    await pass(1_000);
    const revs = [again, bob, carol].map(({ membership }) => membership.rev);
    expect(revs).toEqual([41, 41, 41]);
    expectLinked(again, bob);
    expectLinked(again, carol);
  });
});

function raise(): never {
  throw new Error('there is no roster');
}

describe('before both are members', () => {
  const word = { type: 'pause' as const, fileIds: [idOf(1)] };

  test('a word that is no greeting ends the link, and is not heard', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    bob.linkTo(alice).link.send(word);
    await settle();
    expect(alice.told).toEqual(['knock Bob', 'closed Bob protocol']);
  });

  test('the host says none either, or the guest ends the link', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    alice.linkTo(bob).link.send(word);
    await settle();
    expect(bob.told).toEqual(["Alice's door", 'closed Alice protocol']);
  });

  test('and once they are, it is heard', async () => {
    const { alice, bob } = await allInside();
    bob.linkTo(alice).link.send(word);
    alice.linkTo(bob).link.send(word);
    await settle();
    expect([alice.told, bob.told]).toEqual([['pause of Bob'], ['pause of Alice']]);
  });

  test.each([
    ['greets twice', { type: 'hello', rosterRev: 0 }],
    ['lets the host in', { type: 'admit' }],
    ['turns the host away', { type: 'turned-away', code: 'declined' }],
  ] as const)('a guest that %s is out', async (_, message) => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    await street.join(bob);
    bob.linkTo(alice).link.send(message);
    await settle();
    expect(alice.told).toEqual(['knock Bob', 'closed Bob protocol']);
    expect(alice.membership.roster?.members).toHaveLength(1);
  });

  test('a member that turns another away, who is not the host, is out', async () => {
    const { bob, carol } = await allInside();
    bob.linkTo(carol).link.send({ type: 'turned-away', code: 'removed' });
    await settle();
    expect(carol.told).toEqual(['closed Bob protocol']);
    expect([carol.membership.inside, carol.linked]).toEqual([true, ['Alice']]);
  });
});

describe('two links to one key', () => {
  test('of dials that crossed are one: the one the lower key dialled, at both ends', async () => {
    const street = new Street();
    // Each is the later one in its own roster, so each dials, and both pages answer.
    const bob = street.page('Bob', { seed: 2, answersAll: true });
    const carol = street.page('Carol', { seed: 3, answersAll: true });
    const pages = [bob, carol];
    const memberOf = ({ key, name, peer }: Page) => ({ key: key.text, name, peerId: peer });
    const alice = { key: hostKey.text, name: 'Alice', peerId: idOf(1) };
    const [first, second] = [memberOf(bob), memberOf(carol)];
    const rosterOf = (rev: number, members: Roster['members']) =>
      signRoster({ room, rev, locked: false, expires: HOUR, members }, hostKey);
    await bob.membership.restore(await rosterOf(1, [alice, second, first]));
    await carol.membership.restore(await rosterOf(2, [alice, first, second]));
    for (const page of pages) street.pages.set(page.peer, page);
    for (const page of pages) page.meeting.presence(pages.map(({ peer }) => peer).filter((peer) => peer !== page.peer));
    await pass(2_000);
    expect(street.dialled).toEqual(['Bob Carol', 'Carol Bob']);
    expectLinked(bob, carol);
    const lower = [bob.key.text, carol.key.text].toSorted()[0];
    expect([bob.linkTo(carol).dialledBy, carol.linkTo(bob).dialledBy]).toEqual([lower, lower]);
    expect([bob, carol].map(({ told }) => told.filter((line) => line.startsWith('ready')).length)).toEqual([1, 1]);
    expect(street.connections.map(({ control }) => control.readyState).toSorted()).toEqual([
      'closed',
      'closed',
      'open',
      'open',
    ]);
  });

  test('of which one is old are one: the newer', async () => {
    const { street, alice, bob } = await allInside();
    await pass(6_000);
    const before = alice.linkTo(bob);
    // The page was closed without a word, and is back on its seat before anybody noticed.
    const again = await reopened(street, bob, { seed: 2 });
    street.pages.delete(bob.peer);
    bob.meeting.presence([]);
    await street.join(again);
    await pass(1_000);
    expectLinked(alice, again);
    expect([before.link.open, alice.linkTo(again) === before]).toEqual([false, false]);
  });
});

describe('the first message', () => {
  test('is not lost when it comes together with the connection', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    const [mine, theirs] = street.wire(bob, alice);
    const certificate = (der: Bytes) => new Uint8Array(createHash('sha256').update(der).digest());
    const handshake = new Handshake({
      ...{ initiator: true, roomId, bindKey, key: bob.key, nonce: new Uint8Array(32).fill(5) },
      ...{ ownCertificate: certificate(bob.der), theirCertificate: certificate(alice.der) },
      ...{ isExpected: () => true, isBlocked: () => false },
    });
    const { send } = await handshake.start();
    if (!send) throw new Error('nothing to say');
    // A page that was busy is handed both in one go: the channel is open, and here is what came on it.
    alice.meeting.answered(bob.peer, theirs.asConnection);
    theirs.control.deliver(send.buffer);
    await settle();
    expect(theirs.control.sent.map((message) => message.length)).toEqual([98]);
    expect(mine.control.readyState).toBe('open');
  });
});

describe('right after the handshake', () => {
  type Say = (message: string | Bytes) => void;

  /** What the side that dials does instead of saying something on its channel. */
  function insteadOf(
    street: Street,
    happen: (message: string | Bytes, control: MemoryControlChannel, say: Say) => void,
  ) {
    const wire = street.wire.bind(street);
    vi.spyOn(street, 'wire').mockImplementation((one, other) => {
      const ends = wire(one, other);
      const { control } = ends[0];
      const say = control.send.bind(control);
      vi.spyOn(control, 'send').mockImplementation((message) => happen(message, control, say));
      return ends;
    });
  }

  test('a message that is too long ends the link, as any time later', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    insteadOf(street, (message, _, say) => {
      say(message);
      // Close behind M5.
      if (message.length === 17) say('x'.repeat(MAX_CONTROL_BYTES + 1));
    });
    await street.join(bob);
    expect(alice.told).toEqual(['closed Bob protocol']);
    expect(alice.meeting.guests).toEqual([]);
  });

  test('whoever says nothing more is let go after a while', async () => {
    const { street, alice } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    insteadOf(street, (message, _, say) => {
      if (typeof message !== 'string') say(message);
    });
    await street.join(bob);
    expect(alice.meeting.guests).toHaveLength(1);
    await pass(HANDSHAKE_MS);
    expect(alice.meeting.guests).toEqual([]);
    expect(alice.told.filter((line) => !line.startsWith('closed'))).toEqual([]);
  });

  test('whoever is left again and again does not dial ever faster', async () => {
    const { street } = await aliceAtHome();
    const bob = street.page('Bob', { seed: 2 });
    insteadOf(street, (message, control, say) => {
      if (typeof message === 'string') control.close();
      else say(message);
    });
    await street.join(bob);
    const inFiveSeconds: number[] = [];
    for (let n = 0; n < 4; n++) {
      street.dialled.length = 0;
      await pass(5_000);
      inFiveSeconds.push(street.dialled.length);
    }
    const [first = 0, ...others] = inFiveSeconds;
    expect(Math.max(...others)).toBeLessThanOrEqual(first + 1);
  });
});

describe('without the server', () => {
  /** Alice and Bob inside; Carol knocks, and then nobody has a server any more, or Bob has none from before. */
  async function carolKnocks({ bobIsSeen }: { bobIsSeen: boolean }) {
    const { street, alice } = await aliceAtHome();
    street.passesOn = true;
    const [bob, carol] = [street.page('Bob', { seed: 2 }), street.page('Carol', { seed: 3 })];
    await street.join(bob);
    await letIn(alice, bob);
    await street.join(carol);
    if (!bobIsSeen) await street.loseServer(bob);
    street.dialled.length = 0;
    return { street, alice, bob, carol };
  }

  test.each([true, false])('members come together through who is linked with both (seen before: %j)', async (seen) => {
    const { street, alice, bob, carol } = await carolKnocks({ bobIsSeen: seen });
    await letIn(alice, carol);
    expect(street.dialled).toEqual(['Carol Bob']);
    expectLinked(bob, carol);
  });

  test('who was once a member and is gone is asked for twice, nobody is told, and a new link is worth another try', async () => {
    const { street, alice, bob, carol } = await carolKnocks({ bobIsSeen: false });
    street.pages.delete(bob.peer);
    await letIn(alice, carol);
    await pass(10 * DIAL_MS);
    expect(street.dialled).toEqual(['Carol nobody', 'Carol nobody']);
    expect(carol.told.filter((line) => line.startsWith('failed'))).toEqual([]);
    const dave = street.page('Dave', { seed: 4 });
    await street.join(dave);
    await letIn(alice, dave);
    await pass(10 * DIAL_MS);
    expect(street.dialled.filter((line) => line === 'Carol nobody')).toHaveLength(4);
  });

  test('many who are gone are asked for four at a time', async () => {
    const { street, alice } = await aliceAtHome();
    street.passesOn = true;
    const gone = Array.from({ length: 10 }, (_, i) => street.page(`Nr ${i}`, { seed: 10 + i }));
    for (const { key, name, peer } of gone) await alice.membership.admit({ key: key.text, name, peerId: peer });
    const carol = street.page('Carol', { seed: 3 });
    await street.join(carol);
    await letIn(alice, carol);
    const toNobody = () => street.dialled.filter((line) => line === 'Carol nobody').length;
    expect(toNobody()).toBe(4);
    await pass(10 * DIAL_MS);
    expect(toNobody()).toBe(20);
    expect(carol.told.filter((line) => line.startsWith('failed'))).toEqual([]);
  });

  test('who comes back to the server is dialled there, though a dial in a link is under way', async () => {
    const { street, alice, bob, carol } = await carolKnocks({ bobIsSeen: false });
    street.pages.delete(bob.peer);
    await letIn(alice, carol);
    expect(street.dialled).toEqual(['Carol nobody']);
    const again = await reopened(street, bob, { seed: 2 });
    await street.join(again);
    await pass(2_000);
    expectLinked(again, carol);
  });

  test('a link that broke is made anew through somebody else', async () => {
    const { street, alice, bob, carol } = await allInside();
    street.passesOn = true;
    for (const page of [alice, bob, carol]) await street.loseServer(page);
    carol.linkTo(alice).link.fail(new Failure('peer-gone'));
    alice.linkTo(carol).link.fail(new Failure('peer-gone'));
    await pass(2_000);
    expect(street.dialled).toEqual(['Carol Alice']);
    expectLinked(alice, carol);
  });
});

test('a page that is closed says goodbye to everybody, and nothing more happens', async () => {
  const { street, alice, bob, carol } = await allInside();
  carol.meeting.close();
  await pass(60_000);
  expect([alice.told, bob.told]).toEqual([['closed Carol'], ['closed Carol']]);
  expect(carol.told.toSorted()).toEqual(['closed Alice', 'closed Bob']);
  expect([street.said, street.dialled]).toEqual([[], []]);
});
