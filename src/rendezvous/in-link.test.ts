import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomBytes, toBase64url } from '../protocol/bytes.ts';
import { MAX_BOX_BYTES, MAX_SIGNAL_BODY_BYTES } from '../protocol/limits.ts';
import { openSignal, sealSignal } from '../identity/seal.ts';
import { failureOf } from '../testing/expecting.ts';
import { InLink, type Relayed } from './in-link.ts';

const [ALICE, BOB, CAROL, DAVE, STRANGER] = ['alice', 'bob', 'carol', 'dave', 'stranger'] as const;
const BOX = toBase64url(new Uint8Array([1, 2, 3]));

/** Alice's end: whom she is linked with, in this order, who is a member, and what came of what she was told. */
function aliceWith(linked: readonly string[], members: readonly string[] = [ALICE, BOB, CAROL, DAVE]) {
  const sent: [over: string, relayed: Relayed][] = [];
  const taken: [from: string, by: string][] = [];
  const links = [...linked];
  const carrier = new InLink({
    self: ALICE,
    ways: () => links.map((peer) => ({ peer, send: (relayed) => sent.push([peer, relayed]) })),
    isMember: (peer) => members.includes(peer),
    box: (from, _, by) => taken.push([from, by]),
  });
  return { carrier, sent, taken, links };
}

describe('a box is passed on', () => {
  test('between two who are linked, with the name of whoever it came from', () => {
    const { carrier, sent, taken } = aliceWith([BOB, CAROL]);
    carrier.handle({ peer: BOB }, { to: CAROL, from: BOB, box: BOX });
    carrier.handle({ peer: BOB }, { to: CAROL, from: DAVE, box: BOX });
    expect(sent).toEqual([
      [CAROL, { to: CAROL, from: BOB, box: BOX }],
      [CAROL, { to: CAROL, from: BOB, box: BOX }],
    ]);
    expect(taken).toEqual([]);
  });

  test.each([
    ['somebody who is not linked', { to: DAVE, from: BOB }],
    ['nobody who is known', { to: STRANGER, from: BOB }],
  ])('not to %s', (_, to) => {
    const { carrier, sent, taken } = aliceWith([BOB, CAROL]);
    carrier.handle({ peer: BOB }, { ...to, box: BOX });
    expect([sent, taken]).toEqual([[], []]);
  });

  test('not to, and not for, somebody who is no longer a member', () => {
    const { carrier, sent } = aliceWith([BOB, CAROL], [ALICE, BOB]);
    carrier.handle({ peer: BOB }, { to: CAROL, from: BOB, box: BOX });
    carrier.handle({ peer: CAROL }, { to: BOB, from: CAROL, box: BOX });
    expect(sent).toEqual([]);
  });

  test('to oneself by nobody: that is a breach of the protocol', () => {
    const { carrier, sent } = aliceWith([BOB, CAROL]);
    expect(() => carrier.handle({ peer: BOB }, { to: BOB, from: CAROL, box: BOX })).toThrow(failureOf('protocol'));
    expect(sent).toEqual([]);
  });
});

describe('a box is taken', () => {
  test('from another member, by the one who passed it on', () => {
    const { carrier, sent, taken } = aliceWith([BOB]);
    carrier.handle({ peer: BOB }, { to: ALICE, from: CAROL, box: BOX });
    expect([sent, taken]).toEqual([[], [[CAROL, BOB]]]);
  });

  test.each([
    ['of a stranger', { from: STRANGER, box: BOX }],
    ['of oneself', { from: ALICE, box: BOX }],
    ['of the one who brings it', { from: BOB, box: BOX }],
    ['that is not base64url', { from: CAROL, box: 'A=' }],
  ])('not one %s', (_, relayed) => {
    const { carrier, sent, taken } = aliceWith([BOB, CAROL]);
    carrier.handle({ peer: BOB }, { to: ALICE, ...relayed });
    expect([sent, taken]).toEqual([[], []]);
  });
});

test('whatever is said: at most one hop, only to a member who is linked, under the name it came by', () => {
  const person = fc.constantFrom<string>(ALICE, BOB, CAROL, DAVE, STRANGER);
  const story = fc.property(
    fc.uniqueArray(fc.constantFrom<string>(BOB, CAROL, DAVE), { minLength: 1 }),
    fc.uniqueArray(person),
    fc.record({ to: person, from: person, box: fc.constantFrom(BOX, 'A=', 'not base64url') }),
    fc.nat(),
    (linked, members, relayed, pick) => {
      const { carrier, sent, taken } = aliceWith(linked, members);
      const peer = linked[pick % linked.length] ?? BOB;
      let refused = false;
      try {
        carrier.handle({ peer }, relayed);
      } catch {
        refused = true;
      }
      expect(refused).toBe(relayed.to === peer);
      expect(sent.length + taken.length).toBeLessThanOrEqual(refused ? 0 : 1);
      for (const [over, { to, from, box }] of sent) {
        expect([over, from, box]).toEqual([to, peer, relayed.box]);
        expect([linked.includes(to), members.includes(to), members.includes(peer)]).toEqual([true, true, true]);
        expect([to === peer, to === ALICE]).toEqual([false, false]);
      }
      for (const [from, by] of taken) {
        expect([by, relayed.to, members.includes(from)]).toEqual([peer, ALICE, true]);
        expect([from === peer, from === ALICE]).toEqual([false, false]);
      }
    },
  );
  fc.assert(story, { numRuns: 2_000 });
});

describe('a box of our own', () => {
  const ways = (sent: readonly [string, Relayed][]) => sent.map(([over]) => over);

  test('goes over the first link, and after each failure over the next', () => {
    const { carrier, sent } = aliceWith([BOB, CAROL]);
    for (let dial = 0; dial < 3; dial++) {
      carrier.send(DAVE, new Uint8Array([1, 2, 3]));
      carrier.failed(DAVE);
    }
    expect(ways(sent)).toEqual([BOB, CAROL, BOB]);
    expect(sent[0]?.[1]).toEqual({ to: DAVE, from: ALICE, box: BOX });
  });

  test('that answers goes back by who brought what it answers, if they are still there', () => {
    const { carrier, sent, links } = aliceWith([BOB, CAROL]);
    carrier.send(DAVE, new Uint8Array(1), CAROL);
    links.pop();
    carrier.send(DAVE, new Uint8Array(1), CAROL);
    expect(ways(sent)).toEqual([CAROL, BOB]);
  });

  test.each([
    [true, DAVE, [BOB]],
    [false, BOB, [BOB]],
    [true, BOB, [BOB, CAROL]],
    [false, DAVE, []],
    [false, STRANGER, [BOB]],
  ])('reaches somebody: %j (%s, linked with %j)', (reaches, to, linked) => {
    const { carrier, sent } = aliceWith(linked);
    expect(carrier.reaches(to)).toBe(reaches);
    carrier.send(to, new Uint8Array(1));
    expect(sent).toHaveLength(reaches ? 1 : 0);
  });
});

test('the longest sealed signal fits', () => {
  const id = randomBytes(16);
  const longest = { from: id, to: id, dial: id, seq: 0, body: new Uint8Array(MAX_SIGNAL_BODY_BYTES) };
  const box = sealSignal(randomBytes(32), longest);
  expect(box.length).toBeLessThanOrEqual(MAX_BOX_BYTES);
  expect(openSignal(randomBytes(32), box), 'and says nothing to whoever has another key').toBeUndefined();
});
