// Rooms as values: what holds whatever happens in whatever order.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bury, closeDoor, drop, join, leave, newRoom, restore, type Arrival, type Room } from './rooms.ts';

const MAX_PEERS = 3;
const DOOR = 'door';
const [HERE, THERE] = ['here', 'there'];

const arrival = (peer: string, more: Partial<Arrival> = {}): Arrival => ({
  ...{ peer, token: `token of ${peer}`, at: HERE, seat: 0 },
  ...more,
});

/** A room in which these arrive one after the other, each on a socket of their own. */
function roomOf(...arrivals: Arrival[]): Room {
  return arrivals.reduce((room, one, seat) => {
    const joined = join(room, { ...one, seat: one.seat || seat + 1 }, 32);
    if (typeof joined === 'string') throw new Error(joined);
    return joined;
  }, newRoom(1_000));
}

type Step = (room: Room, seat: number) => Room | string;
const peer = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({
      peer,
      token: fc.constantFrom('one', 'one', 'two'),
      at: fc.constantFrom(HERE, THERE),
      door: fc.option(fc.constantFrom(DOOR, 'another'), { nil: undefined }),
    })
    .map(
      (one): Step =>
        (room, seat) =>
          join(room, { ...one, seat }, MAX_PEERS),
    ),
  fc.nat(20).map(
    (seat): Step =>
      (room) =>
        leave(room, { at: HERE, seat }),
  ),
  fc.tuple(peer, fc.boolean()).map(
    ([by, closed]): Step =>
      (room) =>
        closeDoor(room, by, closed),
  ),
  fc.tuple(peer, peer).map(
    ([by, whom]): Step =>
      (room) =>
        drop(room, by, whom),
  ),
  fc.constant<Step>((room) => bury(room, (process) => process === HERE)),
);

test('whatever happens, nobody sits twice, rooms do not overflow, and every change counts up', () => {
  const story = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    let room = newRoom(1_000);
    for (const [seat, one] of steps.entries()) {
      const after = one(room, seat);
      if (typeof after === 'string' || after === room) continue;
      expect(after.rev).toBe(room.rev + 1);
      expect(after.createdAt).toBe(room.createdAt);
      if (room.door !== undefined) expect(after.door).toBe(room.door);
      const peers = after.members.map((member) => member.peer);
      expect(new Set(peers).size).toBe(peers.length);
      expect(new Set([...peers, ...after.away.map((gone) => gone.peer)]).size).toBe(peers.length + after.away.length);
      // One more than there are seats only for who shows the door secret.
      const keepers = after.members.filter(({ keeper }) => keeper).length;
      expect(after.members.length).toBeLessThanOrEqual(MAX_PEERS + (keepers ? 1 : 0));
      room = after;
    }
    const keeps = join(room, arrival('keeper', { door: room.door ?? DOOR }), MAX_PEERS);
    const isKept = room.members.some(({ keeper }) => keeper);
    if (!isKept) expect(keeps).toBeTypeOf('object');
  });
  fc.assert(story, { numRuns: 2_000 });
});

describe('restored', () => {
  const known = roomOf(arrival('a', { door: DOOR }), arrival('b', { at: THERE }), arrival('c'));
  const own = known.members.filter(({ at }) => at === HERE);
  const theirs = known.members.filter(({ at }) => at === THERE);

  test('a room that was lost is as this process knew it, with the people it has now', () => {
    const restored = restore(undefined, known, HERE, own.slice(1));
    expect(restored.members.map((member) => member.peer)).toEqual(['b', 'c']);
    expect(restored).toMatchObject({ door: DOOR, createdAt: 1_000, rev: known.rev + 1 });
    // The other process finds its own there, or takes them out.
    expect(restore(restored, known, THERE, theirs)).toBe(restored);
    expect(restore(restored, known, THERE, []).members.map((member) => member.peer)).toEqual(['c']);
  });

  test('a room that was not lost stays as it is', () => {
    expect(restore(known, known, HERE, own)).toBe(known);
  });

  test('a room somebody began anew meanwhile is joined', () => {
    const anew = { ...newRoom(9_000), members: roomOf(arrival('d', { at: THERE })).members };
    const restored = restore(anew, known, HERE, own);
    expect(restored.members.map((member) => member.peer)).toEqual(['d', 'a', 'c']);
    expect(restored).toMatchObject({ door: DOOR, createdAt: 1_000 });
    expect(restored.rev).toBeGreaterThan(known.rev);
  });

  test('a seat taken over elsewhere stays there, and one whose socket is gone goes', () => {
    const elsewhere = join(known, arrival('c', { at: THERE, seat: 7 }), 32) as Room;
    const restored = restore(elsewhere, known, HERE, own.slice(1));
    expect(restored.members.map(({ peer: who, at }) => [who, at])).toEqual([
      ['b', THERE],
      ['c', THERE],
    ]);
  });
});

test('the seats of a dead process are let go of, the others stay', () => {
  const room = roomOf(arrival('a'), arrival('b', { at: THERE }));
  expect(bury(room, (process) => process === HERE).members.map((member) => member.peer)).toEqual(['a']);
  expect(bury(room, () => true)).toBe(room);
});

test('a seat is given up only by the socket that has it', () => {
  const room = roomOf(arrival('a', { seat: 4 }));
  expect(leave(room, { at: THERE, seat: 4 })).toBe(room);
  expect(leave(room, { at: HERE, seat: 5 })).toBe(room);
  expect(leave(room, { at: HERE, seat: 4 }).members).toEqual([]);
});
