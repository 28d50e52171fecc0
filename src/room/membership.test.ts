import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fromUtf8, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { MAX_MEMBERS } from '../protocol/limits.ts';
import { SIGNATURE_BYTES } from '../identity/ed25519.ts';
import { hostPin } from '../identity/room-link.ts';
import { openRoster, signRoster, type Member, type Roster, type SignedRoster } from '../identity/roster.ts';
import { failureOf, settled } from '../testing/expecting.ts';
import { ownKey } from '../testing/own-keys.ts';
import { hashInStep } from '../testing/scheduler.ts';
import { keyBytes, Membership, type MembershipOptions } from './membership.ts';

const [hostKey, bobKey, carolKey] = [ownKey(1), ownKey(2), ownKey(3)];
const pin = await hostPin(hostKey.publicKey);
const idOf = (value: number) => toBase64url(new Uint8Array(16).fill(value));
const room = idOf(9);

const alice: Member = { key: hostKey.text, name: 'Alice', peerId: idOf(1) };
const bob: Member = { key: bobKey.text, name: 'Bob', peerId: idOf(2) };
const carol: Member = { key: carolKey.text, name: 'Carol', peerId: idOf(3) };
const { key: _, ...self } = alice;

/** Somebody of whom nothing but a key is known. */
const memberNumber = (n: number): Member => ({
  key: toBase64url(new Uint8Array(32).fill(n)),
  name: `Nr ${n}`,
  peerId: idOf(n),
});
const expirySeconds = 3_600;

/** One side's membership: what it stored and when it spoke of a change, in that order. */
function membershipOf(options: Partial<MembershipOptions> = {}) {
  const happened: string[] = [];
  const stored: SignedRoster[] = [];
  const time = { nowMs: 1_000_000 };
  const isHost = options.isHost ?? options.key === undefined;
  const membership: Membership = new Membership({
    ...{ room, pin, key: hostKey, isHost },
    store: async (signed) => {
      // A store takes a while, and others would overtake it if they could.
      await Promise.resolve();
      stored.push(signed);
      happened.push(`stored ${revOf(signed)}`);
    },
    now: () => time.nowMs,
    changed: () => happened.push(`changed ${membership.rev}`),
    ...options,
  });
  return { membership, happened, stored, time };
}

async function hosted() {
  const host = membershipOf();
  await host.membership.open(self, expirySeconds);
  return host;
}
const guest = () => membershipOf({ key: bobKey });

/** What a signed roster says its number is, whether or not anybody would take it. */
function revOf(signed: SignedRoster): number {
  const { rev } = JSON.parse(fromUtf8(signed.slice(SIGNATURE_BYTES)) ?? '') as Roster;
  return rev;
}

/** The roster a host has now. */
function signedOf({ signed }: Membership): SignedRoster {
  if (!signed) throw new Error('there is no roster');
  return signed;
}

/** A roster of the host's that no Membership made. */
const rosterOf = (change: Partial<Roster>) =>
  signRoster({ ...{ room, rev: 1, locked: false, expires: expirySeconds, members: [alice, bob] }, ...change }, hostKey);

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

describe('the host', () => {
  test('opens a room with nobody else in it', async () => {
    const { membership } = await hosted();
    expect(membership.roster).toEqual({ room, rev: 1, locked: false, expires: expirySeconds, members: [alice] });
    expect([membership.inside, membership.expired]).toEqual([true, false]);
    expect(await openRoster(signedOf(membership), room, pin)).toEqual(membership.roster);
  });

  test('counts every change, and stores it before anybody hears of it', async () => {
    const { membership, happened } = await hosted();
    await membership.admit(bob);
    await membership.lock(true);
    await membership.remove(bob.key);
    expect(happened).toEqual([1, 2, 3, 4].flatMap((rev) => [`stored ${rev}`, `changed ${rev}`]));
    expect(membership.roster).toMatchObject({ locked: true, members: [alice] });
  });

  test('tells nobody of a roster that could not be stored, and goes on from the one before', async () => {
    const full = { is: false };
    const store = () => (full.is ? Promise.reject(new Error('full')) : Promise.resolve());
    const { membership, happened } = membershipOf({ store });
    await membership.open(self, expirySeconds);
    full.is = true;
    await expect(membership.admit(bob)).rejects.toThrow('full');
    expect([membership.rev, membership.member(bob.key), happened]).toEqual([1, undefined, ['changed 1']]);
    full.is = false;
    await membership.admit(carol);
    expect(membership.roster).toMatchObject({ rev: 2, members: [alice, carol] });
  });

  test('makes changes one after the other, however many are asked for at once', async () => {
    const { membership, stored } = await hosted();
    await Promise.all([
      membership.admit(bob),
      membership.lock(true),
      membership.admit(carol),
      membership.remove(bob.key),
    ]);
    expect(stored.map(revOf)).toEqual([1, 2, 3, 4, 5]);
    expect(membership.roster).toMatchObject({ rev: 5, locked: true, members: [alice, carol] });
  });

  test('is not held up by a change that fails', async () => {
    const { membership } = await hosted();
    const everybody = Array.from({ length: MAX_MEMBERS - 1 }, (_, i) => memberNumber(i + 100));
    for (const member of everybody) await membership.admit(member);
    const [refused] = await Promise.all([settled(membership.admit(bob)), membership.lock(true)]);
    expect(refused).toEqual(failureOf('room-full'));
    expect(membership.roster).toMatchObject({ rev: MAX_MEMBERS + 1, locked: true });
    expect(membership.roster?.members).toHaveLength(MAX_MEMBERS);
  });

  test('in a full room still notes where a member is now', async () => {
    const { membership } = await hosted();
    for (let n = 100; n < 100 + MAX_MEMBERS - 1; n++) await membership.admit(memberNumber(n));
    await membership.admit({ ...memberNumber(110), peerId: idOf(2) });
    expect(membership.memberAt(idOf(2))?.key).toBe(memberNumber(110).key);
    expect(membership.roster?.members).toHaveLength(MAX_MEMBERS);
  });

  test('may let somebody in as the last: who is let in and the lock are one change', async () => {
    const { membership, happened } = await hosted();
    await membership.admit(bob, true);
    expect(membership.roster).toMatchObject({ rev: 2, locked: true, members: [alice, bob] });
    expect(happened.slice(2)).toEqual(['stored 2', 'changed 2']);
    // The next let-in does not unlock it.
    await membership.admit(carol);
    expect(membership.roster).toMatchObject({ rev: 3, locked: true });
  });

  test('admits a member again in the same place, under its new peer id and no longer the old', async () => {
    const { membership } = await hosted();
    await membership.admit(bob);
    await membership.admit(carol);
    await membership.admit({ ...bob, peerId: idOf(7) });
    expect(membership.roster?.members).toEqual([alice, { ...bob, peerId: idOf(7) }, carol]);
    expect(membership.memberAt(bob.peerId)).toBeUndefined();
  });

  test('makes only rosters that everybody takes, whatever it is asked for', async () => {
    const member = fc
      .tuple(fc.constantFrom(hostKey, bobKey, carolKey), fc.integer({ min: 1, max: 5 }))
      .map(([{ text }, id]): Member => ({ key: text, name: 'Somebody', peerId: idOf(id) }));
    const step = fc.oneof(
      member.map((one) => (membership: Membership) => membership.admit(one)),
      member.map(
        ({ key }) =>
          (membership: Membership) =>
            membership.remove(key),
      ),
      fc.boolean().map((locked) => (membership: Membership) => membership.lock(locked)),
    );
    const any = fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
      const { membership } = await hosted();
      for (const take of steps) await settled(take(membership));
      expect(await settled(openRoster(signedOf(membership), room, pin))).toEqual(membership.roster);
      expect(membership.roster?.members[0]?.key).toBe(hostKey.text);
    });
    await fc.assert(any, { numRuns: 20 });
  });

  test('is never taken out, not even by somebody under its own peer id', async () => {
    const { membership } = await hosted();
    await membership.remove(hostKey.text);
    expect(membership.roster?.members).toEqual([alice]);
    await settled(membership.admit({ ...bob, peerId: alice.peerId }));
    expect(membership.roster?.members[0]?.key).toBe(hostKey.text);
    expect(membership.inside).toBe(true);
  });

  test('is all there is: nobody else makes a roster', async () => {
    const { membership } = guest();
    await membership.take(await rosterOf({}));
    for (const action of [
      () => membership.admit(carol),
      () => membership.lock(true),
      () => membership.remove(bob.key),
    ]) {
      await expect(action()).rejects.toEqual(failureOf('internal'));
    }
    expect(membership.rev).toBe(1);
  });
});

describe('a host that comes back', () => {
  test('goes on from the roster that was stored', async () => {
    const before = await hosted();
    await before.membership.admit(bob);
    await before.membership.lock(true);
    const { membership, happened } = membershipOf();
    await membership.open({ name: 'Alice again', peerId: idOf(5) }, 60, signedOf(before.membership));
    expect(happened).toEqual(['stored 4', 'changed 4']);
    expect(membership.roster).toEqual({
      ...{ room, rev: 4, locked: true, expires: 60 },
      members: [{ key: hostKey.text, name: 'Alice again', peerId: idOf(5) }, bob],
    });
  });

  test('begins anew when what was stored is not of this room, or not its own', async () => {
    const elsewhere = await rosterOf({ room: idOf(8), rev: 7 });
    const forged = await signRoster({ room, rev: 7, locked: false, expires: 1, members: [bob] }, bobKey);
    for (const stored of [elsewhere, forged, new Uint8Array(), new Uint8Array(500)]) {
      const { membership } = membershipOf();
      await membership.open(self, expirySeconds, stored);
      expect(membership.roster).toMatchObject({ rev: 1, members: [alice] });
    }
  });

  test('passes a higher number of its own and believes nothing else of it', async () => {
    const { membership, happened } = await hosted();
    await membership.admit(carol);
    const lost = await rosterOf({ rev: 40, locked: true, members: [alice, bob] });
    expect(await membership.take(lost)).toBe('older');
    expect(membership.roster).toMatchObject({ rev: 41, locked: false, members: [alice, carol] });
    expect(happened.slice(-2)).toEqual(['stored 41', 'changed 41']);
  });

  test('counts up and never back, whoever shows it what and while whatever changes', async () => {
    const { membership, stored } = await hosted();
    const lost = await rosterOf({ rev: 10 });
    await Promise.all([
      membership.take(lost),
      membership.admit(bob),
      membership.admit(carol),
      // The same one, from somebody else who has it too.
      membership.take(lost),
      membership.lock(true),
    ]);
    const revs = stored.map(revOf);
    expect(revs).toEqual(revs.toSorted((a, b) => a - b));
    expect(new Set(revs).size).toBe(revs.length);
    expect(membership.rev).toBeGreaterThan(10);
    expect(membership.roster).toMatchObject({ locked: true, members: [alice, bob, carol] });
  });
});

describe('a guest shown a roster', () => {
  test('takes what is newer, says so, and knows whether it is in', async () => {
    const { membership, happened, stored } = guest();
    expect([membership.rev, membership.inside]).toEqual([0, false]);
    expect(await membership.take(await rosterOf({ members: [alice] }))).toBe('newer');
    expect([membership.rev, membership.inside]).toEqual([1, false]);
    expect(await membership.take(await rosterOf({ rev: 5 }))).toBe('newer');
    expect([membership.rev, membership.inside, membership.member(bob.key)]).toEqual([5, true, bob]);
    expect(membership.memberAt(alice.peerId)).toEqual(alice);
    // What it stores is the room's business, not the host's store.
    expect([happened, stored]).toEqual([['changed 1', 'changed 5'], []]);
  });

  test('keeps what it has of one that is older, and of the same one', async () => {
    const { membership, happened } = guest();
    const newest = await rosterOf({ rev: 5 });
    await membership.take(newest);
    expect(await membership.take(await rosterOf({ rev: 4, members: [alice] }))).toBe('older');
    expect(await membership.take(newest.slice())).toBe('known');
    expect(membership.signed).toEqual(newest);
    expect(happened).toEqual(['changed 5']);
  });

  test('refuses another one of the same number, and keeps the first', async () => {
    const { membership, happened } = guest();
    const first = await rosterOf({ rev: 5 });
    await membership.take(first);
    const other = await rosterOf({ rev: 5, members: [alice, bob, carol] });
    await expect(membership.take(other)).rejects.toEqual(failureOf('roster-conflict'));
    expect(membership.signed).toEqual(first);
    expect(happened).toEqual(['changed 5']);
  });

  test('refuses what the host did not sign for this room', async () => {
    const { membership } = guest();
    const forged = await signRoster({ room, rev: 9, locked: false, expires: 1, members: [alice, bob] }, bobKey);
    for (const bad of [forged, await rosterOf({ room: idOf(8), rev: 9 }), new Uint8Array()]) {
      await expect(membership.take(bad)).rejects.toEqual(failureOf('protocol'));
    }
    expect(membership.roster).toBeUndefined();
  });

  test('keeps the newest of several that come at once', async () => {
    const { membership } = guest();
    const shown = await Promise.all([3, 1, 2].map((rev) => rosterOf({ rev })));
    expect(await Promise.all(shown.map((signed) => membership.take(signed)))).toEqual(['newer', 'older', 'older']);
    expect(membership.rev).toBe(3);
  });

  test('restores one of an earlier life, and is as at first when it is none of this room', async () => {
    const one = guest();
    await one.membership.restore(await rosterOf({ rev: 5 }));
    expect([one.membership.rev, one.membership.inside]).toEqual([5, true]);
    const other = guest();
    await other.membership.restore(await rosterOf({ room: idOf(8) }));
    await other.membership.restore(new Uint8Array(3));
    expect([other.membership.rev, other.membership.inside]).toEqual([0, false]);
  });

  test('forgets it when it is out, and may be let in again by any number', async () => {
    const { membership } = guest();
    await membership.take(await rosterOf({ rev: 5 }));
    membership.forget();
    expect([membership.roster, membership.signed, membership.rev, membership.inside]).toEqual([
      undefined,
      undefined,
      0,
      false,
    ]);
    expect(membership.expired).toBe(false);
    expect(await membership.take(await rosterOf({ rev: 4 }))).toBe('newer');
  });
});

describe('the end of a room', () => {
  test('comes by the monotonic clock, on every page by its own', async () => {
    const host = await hosted();
    host.time.nowMs += 1_600_000;
    await host.membership.admit(bob);
    expect(host.membership.roster?.expires).toBe(2_000);
    const other = guest();
    other.time.nowMs = 5;
    await other.membership.take(signedOf(host.membership));
    for (const { membership, time } of [host, other]) {
      time.nowMs += 1_999_999;
      expect([membership.expired, membership.secondsLeft]).toEqual([false, 0]);
      time.nowMs += 1;
      expect([membership.expired, membership.secondsLeft]).toEqual([true, 0]);
      time.nowMs += 1_000_000;
      expect(membership.secondsLeft).toBe(0);
    }
  });

  test('is not put off by a change after it, and the roster that says so is still taken', async () => {
    const host = await hosted();
    host.time.nowMs += 2 * expirySeconds * 1_000;
    await host.membership.admit({ ...bob, peerId: idOf(7) });
    expect([host.membership.expired, host.membership.roster?.expires]).toEqual([true, 0]);
    const { membership } = guest();
    expect(await membership.take(signedOf(host.membership))).toBe('newer');
    expect(membership.expired).toBe(true);
  });
});

test('a key as text is bytes again, and anything else is none', () => {
  expect(keyBytes(bob.key)).toEqual(bobKey.publicKey);
  expect(keyBytes('not base64url!')).toEqual(new Uint8Array() satisfies Bytes);
});
