// The door secret: who shows it has a seat, may close the door and drop a peer id. Nothing but availability rests on it.

import { describe, expect, test, vi } from 'vitest';
import type { Settings } from './settings.ts';
import { ALICE, BOB, boxTo, CAROL, idOf, OTHER_TOKEN, serve, type Client } from '../src/testing/signaling-clients.ts';

const [DOOR, OTHER_DOOR] = [idOf(201), idOf(202)];
const refused = (code: string) => ({ type: 'refused', code });
const inside = (...peers: string[]) => ({ type: 'joined', peers });
const close = { type: 'close-door', closed: true };
const reopen = { type: 'close-door', closed: false };

/** Alice, who brought the door secret, and Bob. */
async function withKeeper(options: Partial<Settings> = {}) {
  const server = await serve(options);
  const { client: alice } = await server.join(ALICE, { door: DOOR });
  const { client: bob } = await server.join(BOB);
  expect(await alice.next()).toEqual({ type: 'arrived', peer: BOB });
  return { ...server, alice, bob };
}

/** Waits until everything somebody said so far was heard. */
async function settled(somebody: Client, whom: Client): Promise<void> {
  somebody.say(boxTo(ALICE, 'ZZZZ'));
  await vi.waitFor(async () => expect(await whom.next()).toMatchObject({ type: 'box', box: 'ZZZZ' }));
}

describe('who shows the door secret', () => {
  test('has a seat kept, and others have one less', async () => {
    const { alice, join } = await withKeeper({ maxPeers: 3 });
    await alice.leave();
    expect((await join(CAROL)).answer).toEqual(inside(BOB));
    expect((await join(idOf(4))).answer).toEqual(refused('room-full'));
    // As somebody new, as after a closed tab.
    expect((await join(idOf(5), { door: DOOR })).answer).toEqual(inside(BOB, CAROL));
    expect((await join(idOf(6), { door: OTHER_DOOR })).answer).toEqual(refused('room-full'));
  });

  test('closes the door to who was not inside, and opens it again', async () => {
    const { alice, join } = await withKeeper();
    alice.say(close);
    await settled(alice, alice);
    const { client, answer } = await join(CAROL);
    expect(answer).toEqual(refused('door-closed'));
    expect(await client.closed).toBe(1008);
    expect((await join(idOf(5), { door: DOOR })).answer).toEqual(inside(ALICE, BOB));
    alice.say(reopen);
    await settled(alice, alice);
    expect((await join(CAROL)).answer.type).toBe('joined');
  });

  test('does not shut out who was inside and only lost the line', async () => {
    const { alice, bob, join } = await withKeeper();
    alice.say(close);
    await settled(alice, alice);
    await bob.leave();
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
    expect((await join(BOB, { token: OTHER_TOKEN })).answer).toEqual(refused('door-closed'));
    expect((await join(BOB)).answer).toEqual(inside(ALICE));
  });

  test('drops a peer id', async () => {
    const { alice, bob, join } = await withKeeper();
    alice.say({ type: 'drop', peer: BOB });
    expect(await bob.next()).toEqual(refused('dropped'));
    expect(await bob.closed).toBe(1008);
    expect(await alice.next()).toEqual({ type: 'left', peer: BOB });
    expect((await join(BOB)).answer).toEqual(inside(ALICE));
    alice.say(close);
    alice.say({ type: 'drop', peer: BOB });
    await settled(alice, alice);
    // Dropped behind a closed door is out.
    expect((await join(BOB)).answer).toEqual(refused('door-closed'));
  });

  test('finds the door as it was left, while the empty room is kept', async () => {
    const { alice, bob, join } = await withKeeper();
    alice.say(close);
    await settled(alice, alice);
    await Promise.all([alice.leave(), bob.leave()]);
    expect((await join(CAROL)).answer).toEqual(refused('door-closed'));
    expect((await join(CAROL, { door: DOOR })).answer).toEqual(inside());
  });

  test('may be the second to come, while nobody set another', async () => {
    const { join } = await serve();
    const { client: bob } = await join(BOB);
    const { client: alice } = await join(ALICE, { door: DOOR });
    expect(await bob.next()).toEqual({ type: 'arrived', peer: ALICE });
    alice.say({ type: 'drop', peer: BOB });
    expect(await bob.next()).toEqual(refused('dropped'));
  });
});

test.each([
  ['without the secret', undefined],
  ['with another', OTHER_DOOR],
])('who comes %s closes nothing and drops nobody', async (_, door) => {
  const { alice, join } = await withKeeper();
  const { client: mallory } = await join(CAROL, door ? { door } : {});
  expect(await alice.next()).toEqual({ type: 'arrived', peer: CAROL });
  mallory.say(close);
  mallory.say({ type: 'drop', peer: BOB });
  await settled(mallory, alice);
  expect((await join(idOf(5))).answer).toEqual(inside(ALICE, BOB, CAROL));
});
