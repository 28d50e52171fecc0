// A signaling server that lies, first knowing only what a server knows, then with the room link leaked to it and Mallory on
// its side. It can keep people apart, and they are told; it cannot make them meet anybody else.

import { randomBytes } from 'node:crypto';
import * as blind from './hostile/blind.ts';
import { fakeHost, fakesBeside, fingerprints, Leak, rewriting, withFingerprints } from './hostile/leak.ts';
import { Mallory } from './hostile/mallory.ts';
import * as middle from './hostile/middle.ts';
import type { Attack } from './hostile/server.ts';
import {
  anotherTab,
  hasMetNobody,
  hosts,
  isLetInAndServed,
  isTold,
  test,
  visits,
  type Hosted,
} from './hostile/visits.ts';
import { expect } from './fixtures.ts';

test('without the link, a server that meddles with boxes keeps people apart, and they are told', async ({
  hostile,
  alice,
  bob,
}) => {
  const modes: Record<string, Attack> = {
    'noise for boxes': blind.noise,
    'other boxes for boxes': blind.otherBoxes(),
    'flipped bits': blind.flippedBits(),
    'a copy of the room, relayed': new blind.Mirror(),
    'everything dropped': blind.dropped,
    'everybody hidden': blind.hidden,
    'not a word': blind.silent,
  };
  await Promise.all(
    Object.entries(modes).map(async ([mode, attack]) => {
      const room = await hosts(alice, hostile);
      const guest = await visits(bob, room, hostile, attack);
      await isTold(mode, guest);
      if (attack !== blind.silent) await hasMetNobody(mode, guest);
      await hasMetNobody(mode, room.host);
    }),
  );
});

test('without the link, boxes of yesterday and of another room bring nobody together', async ({
  hostile,
  alice,
  bob,
  carol,
}) => {
  const yesterday = async () => {
    const room = await hosts(alice, hostile);
    const guest = await visits(bob, room, hostile, {});
    await guest.isIn('knocking');
    // The same tab on another day: its peer id, and so what its boxes were sealed for, is the same.
    await guest.open('about:blank');
    await expect(room.host.page.getByTestId('knock')).toHaveCount(0);
    const { length } = hostile.seen;
    await hostile.attack(room.link, blind.yesterdays(hostile.seen));
    await guest.open(room.link);
    await isTold('yesterday’s boxes', guest);
    for (const person of [guest, room.host]) await hasMetNobody('yesterday’s boxes', person);
    expect(hostile.seen.length, 'there were boxes today').toBeGreaterThan(length);
  };
  const splice = async () => {
    const attack = blind.spliced();
    const rooms = [await hosts(alice, hostile), await hosts(carol, hostile)];
    for (const { link } of rooms) await hostile.attack(link, attack);
    const visit = async (room: Hosted) => {
      // A host who was there before comes back to a server that has become hostile.
      await room.host.page.reload();
      const guest = await visits(bob, room, hostile, attack);
      await isTold('two rooms spliced', guest);
      for (const person of [guest, room.host]) await hasMetNobody('two rooms spliced', person);
    };
    await Promise.all(rooms.map(visit));
  };
  await Promise.all([yesterday(), splice()]);
});

test('a copy of the room is shown to one guest only: the others meet, and that one is told', async ({
  hostile,
  alice,
  bob,
  carol,
}) => {
  const room = await hosts(alice, hostile);
  const inside = await visits(bob, room, hostile, {});
  await isLetInAndServed('the room itself', inside, room);
  const outside = await visits(carol, room, hostile, new blind.Mirror());
  await isTold('its copy', outside);
  await hasMetNobody('its copy', outside);
  await expect(inside.page.locator('[data-testid=person][data-state=ready]')).toHaveCount(1);
  await expect(room.host.page.getByTestId('knock')).toHaveCount(0);
});

test('boxes that come late, twice or in another order, or in a crowd that does not exist, still bring people together', async ({
  hostile,
  alice,
  bob,
}) => {
  const modes: Record<string, (leak: Leak) => Attack> = {
    late: blind.delayed,
    twice: () => blind.doubled,
    'in another order': blind.reordered,
    'in a crowd': blind.crowd,
    'beside forged rings and doors': fakesBeside,
  };
  await Promise.all(
    Object.entries(modes).map(async ([mode, attack]) => {
      const room = await hosts(alice, hostile);
      const guest = await visits(bob, room, hostile, attack(await Leak.of(room.link)));
      await isLetInAndServed(mode, guest, room);
    }),
  );
});

test('with the link, a door that nobody opens and fingerprints changed on their way end in the honest link or in a notice', async ({
  hostile,
  alice,
  bob,
}) => {
  const made = (algorithm: string, bytes: number) =>
    `a=fingerprint:${algorithm} ${randomBytes(bytes).toString('hex').toUpperCase().match(/../g)?.join(':') ?? ''}`;
  const own = made('sha-256', 32);
  const changes: Record<string, (sdp: string) => string> = {
    'for the session': (sdp) => withFingerprints(sdp, [own], []),
    'for the medium': (sdp) => withFingerprints(sdp, [], [own]),
    'beside the honest one': (sdp) => withFingerprints(sdp, [], [own, ...fingerprints(sdp)]),
    'as SHA-1': (sdp) => withFingerprints(sdp, [], [made('sha-1', 20)]),
  };
  const modes: Record<string, (leak: Leak) => Attack> = { 'nobody opens the door': (leak) => fakeHost(leak, 'alice') };
  for (const [where, change] of Object.entries(changes)) {
    for (const kind of ['offer', 'answer'] as const)
      modes[`${kind}, ${where}`] = (leak) => rewriting(leak, kind, change);
  }
  await Promise.all(
    Object.entries(modes).map(async ([mode, attack]) => {
      const room = await hosts(alice, hostile);
      const guest = await visits(bob, room, hostile, attack(await Leak.of(room.link)));
      const knocking = guest.page.locator('[data-testid=room-state][data-state=knocking]');
      await expect.soft(knocking.or(guest.page.getByTestId('notice')).first(), mode).toBeVisible({ timeout: 15_000 });
      if (await knocking.count()) await expect.soft(await room.host.knockOf(guest), mode).toBeVisible();
      else await hasMetNobody(mode, guest);
    }),
  );
});

for (const showing of [true, false]) {
  const where = showing ? 'a browser that shows certificates' : 'one that only has the description to go by';
  test(`with the link, the host’s place is taken by Mallory, before ${where}: her key has not the pin`, async ({
    hostile,
    alice,
    bob,
    invite,
  }) => {
    // What a browser without `getRemoteCertificates` has.
    if (!showing) {
      await bob.context.addInitScript(() =>
        Reflect.deleteProperty(RTCDtlsTransport.prototype, 'getRemoteCertificates'),
      );
    }
    const mallory = await Mallory.at(await invite('mallory'));
    const modes: Record<string, (leak: Leak) => Attack> = {
      'Mallory opens the door': (leak) => middle.opensTheDoor(leak, mallory),
    };
    for (const [mode, placing] of Object.entries(middle.placings)) {
      modes[`her fingerprint ${mode}`] = (leak) => middle.answersForThem(leak, mallory, placing);
    }
    await Promise.all(
      Object.entries(modes).map(async ([mode, attack]) => {
        const room = await hosts(alice, hostile);
        const guest = await visits(bob, room, hostile, attack(await Leak.of(room.link)));
        await isTold(mode, guest);
        await hasMetNobody(mode, guest);
        await hasMetNobody(mode, room.host);
      }),
    );
    // They did reach her, and went away before they had proved or shown anything.
    expect(mallory.told).toEqual([1]);
    expect(mallory).toMatchObject({ believed: 0, bytes: 0 });
  });
}

test('with the link, Mallory passes the handshake on between guest and host: certificates give her away', async ({
  hostile,
  alice,
  bob,
  invite,
}) => {
  const her = await invite('mallory');
  const passes = async (mode: string, told: readonly number[], passing: (leak: Leak) => middle.Passing) => {
    const mallory = await Mallory.at(await anotherTab(her));
    const room = await hosts(alice, hostile);
    const leak = await Leak.of(room.link);
    const guest = await visits(bob, room, hostile, middle.inBetween(leak, mallory, passing(leak)));
    await isTold(mode, guest);
    // She does not say that the host hung up: the guest’s own patience ends it.
    await guest.seesNotice('authentication-failed');
    for (const person of [guest, room.host]) await hasMetNobody(mode, person);
    expect(mallory.told, mode).toEqual(told);
    expect(mallory.bytes, mode).toBe(0);
  };
  await Promise.all([
    passes('word for word', [1], () => middle.verbatim),
    // The guest sees the real host’s key and signs, over another certificate than the one the host sees.
    passes('with every MAC anew', [1, 2, 3], middle.macsAnew),
  ]);
});

test('with the link, Mallory stands between two guests: the roster says whose key is where', async ({
  hostile,
  alice,
  bob,
  carol,
  invite,
}) => {
  const mallory = await Mallory.at(await invite('mallory'));
  const room = await hosts(alice, hostile);
  const first = await visits(bob, room, hostile, {});
  await isLetInAndServed('the first guest', first, room);
  const second = await visits(carol, room, hostile, middle.memberElsewhere(await Leak.of(room.link), mallory));
  await second.isIn('knocking');
  await room.host.letIn(second);
  await second.isIn('inside');
  await isTold('the second guest', second, 'authentication-failed');
  // She was told the first message of who dialled, and the second of who was dialled; neither went on.
  await expect.poll(() => mallory.told).toEqual([1, 2]);
  await expect(await first.personOf(second)).not.toHaveAttribute('data-state', 'ready');
  await expect(await second.personOf(first)).not.toHaveAttribute('data-state', 'ready');
  expect(mallory).toMatchObject({ believed: 0, bytes: 0 });
});
