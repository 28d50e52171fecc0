import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, context, equal, toBase64url, utf8, type Bytes } from '../protocol/bytes.ts';
import { MAX_MEMBERS, MAX_NAME_CHARS, MAX_ROSTER_BYTES } from '../protocol/limits.ts';
import {
  base64urlOf,
  bytes,
  decoderRuns,
  deepJson,
  id,
  meddledJson,
  anyText,
  spoiltBytes,
} from '../testing/arbitraries.ts';
import { failureOf, settled } from '../testing/expecting.ts';
import { ownKey } from '../testing/own-keys.ts';
import { SIGNATURE_BYTES } from './ed25519.ts';
import { hostPin } from './room-link.ts';
import { memberOf, openRoster, signRoster, type Member, type Roster } from './roster.ts';

const [host, bob, mallory] = [ownKey(1), ownKey(2), ownKey(3)];
const pin = await hostPin(host.publicKey);
const idOf = (value: number) => toBase64url(new Uint8Array(16).fill(value));
const room = idOf(9);

const alice: Member = { key: host.text, name: 'Alice', peerId: idOf(1) };
const guest: Member = { key: bob.text, name: 'Bob', peerId: idOf(2) };
const plain: Roster = { room, rev: 3, locked: false, expires: 3_600, members: [alice, guest] };
const signed = await signRoster(plain, host);

/** Any text under the host's own signature: what is refused then is refused for what it says. */
async function signedText(text: string): Promise<Bytes> {
  return signedBytes(utf8(text));
}
async function signedBytes(json: Bytes): Promise<Bytes> {
  return concat(await host.sign(concat(context('roster'), json)), json);
}

const open = (bytes: Bytes) => settled(openRoster(bytes, room, pin));

/** A member who is not the host; `n` keeps keys and peer ids apart. */
const memberNumber = (n: number, name = ''): Member => ({
  key: toBase64url(new Uint8Array(32).fill(n)),
  name,
  peerId: idOf(n),
});

const name = fc
  .string({ unit: 'binary', maxLength: MAX_NAME_CHARS })
  .filter((text) => text.length <= MAX_NAME_CHARS && text.isWellFormed());
const anyRoster: fc.Arbitrary<Roster> = fc.record({
  room: fc.constant(room),
  rev: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  locked: fc.boolean(),
  expires: fc.maxSafeNat(),
  members: fc
    .tuple(
      fc.record({ key: fc.constant(host.text), name, peerId: fc.constant(idOf(1)) }),
      fc.uniqueArray(fc.record({ key: base64urlOf(32), name, peerId: id }), {
        maxLength: MAX_MEMBERS - 1,
        selector: ({ key }) => key,
      }),
    )
    .map(([first, others]) => [first, ...others])
    .filter((members) => new Set(members.map(({ peerId }) => peerId)).size === members.length),
});

test('what the host signed is what everybody reads', async () => {
  const trip = fc.asyncProperty(anyRoster, async (roster) => {
    expect(await openRoster(await signRoster(roster, host), room, pin)).toEqual(roster);
  });
  await fc.assert(trip, { numRuns: 60 });
});

test('a full room of people with the longest names there are fits', async () => {
  // U+0001 is the longest a character gets in JSON: six bytes.
  const long = '\u0001'.repeat(MAX_NAME_CHARS);
  const others = Array.from({ length: MAX_MEMBERS - 1 }, (_, i) => memberNumber(i + 100, long));
  const roster = {
    ...plain,
    rev: Number.MAX_SAFE_INTEGER,
    expires: Number.MAX_SAFE_INTEGER,
    members: [{ ...alice, name: long }, ...others],
  };
  expect(await openRoster(await signRoster(roster, host), room, pin)).toEqual(roster);
});

test('a member is found by its key, and nobody else is', () => {
  expect(memberOf(plain, bob.publicKey)).toEqual(guest);
  expect(memberOf(plain, mallory.publicKey)).toBeUndefined();
  expect(memberOf(plain, new Uint8Array())).toBeUndefined();
});

describe('is refused', () => {
  test('when any bit of it is flipped', async () => {
    const flip = fc.asyncProperty(fc.nat(8 * signed.length - 1), async (bit) => {
      const flipped = signed.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(await open(flipped)).toEqual(failureOf('protocol'));
    });
    await fc.assert(flip, { numRuns: 100 });
  });

  test('when any one digit of what counts is another', async () => {
    // These stay well-formed, so that only the signature is in the way.
    const json = JSON.stringify(plain);
    for (const change of [
      (text: string) => text.replace('"rev":3', '"rev":4'),
      (text: string) => text.replace('"locked":false', '"locked":true'),
      (text: string) => text.replace('3600', '3601'),
      (text: string) => text.replace('Bob', 'Rob'),
      (text: string) => text.replace(bob.text, mallory.text),
      (text: string) => text.replace(idOf(2), idOf(3)),
      (text: string) => `${text} `,
    ]) {
      expect(change(json)).not.toBe(json);
      const forged = concat(signed.slice(0, SIGNATURE_BYTES), utf8(change(json)));
      expect(await open(forged)).toEqual(failureOf('protocol'));
    }
  });

  test('in another room, and under another pin', async () => {
    expect(await settled(openRoster(signed, idOf(8), pin))).toEqual(failureOf('protocol'));
    expect(await settled(openRoster(signed, room, await hostPin(bob.publicKey)))).toEqual(failureOf('protocol'));
    expect(await settled(openRoster(signed, room, new Uint8Array()))).toEqual(failureOf('protocol'));
  });

  test('when somebody else signed it, be it a member', async () => {
    for (const other of [bob, mallory]) {
      expect(await open(await signRoster(plain, other))).toEqual(failureOf('protocol'));
    }
  });

  test('when the host signed something else than a roster', async () => {
    const json = utf8(JSON.stringify(plain));
    for (const prefix of [context('offer'), context('sig I'), new Uint8Array()]) {
      expect(await open(concat(await host.sign(concat(prefix, json)), json))).toEqual(failureOf('protocol'));
    }
  });

  test('when it is whole but for its length', async () => {
    for (const cut of [0, 1, SIGNATURE_BYTES - 1, SIGNATURE_BYTES, signed.length - 1]) {
      expect(await open(signed.slice(0, cut))).toEqual(failureOf('protocol'));
    }
    expect(await open(concat(signed, new Uint8Array(1)))).toEqual(failureOf('protocol'));
  });

  test('over 16 KiB, and not at 16 KiB', async () => {
    const json = JSON.stringify(plain);
    const room16 = MAX_ROSTER_BYTES - SIGNATURE_BYTES - json.length;
    expect(await open(await signedText(json + ' '.repeat(room16)))).toEqual(plain);
    expect(await open(await signedText(json + ' '.repeat(room16 + 1)))).toEqual(failureOf('protocol'));
  });

  test('when it is not UTF-8', async () => {
    const json = utf8(JSON.stringify(plain));
    const at = json.indexOf('B'.charCodeAt(0));
    for (const byte of [0xff, 0xc0, 0x80]) {
      expect(await open(await signedBytes(json.map((old, i) => (i === at ? byte : old))))).toEqual(
        failureOf('protocol'),
      );
    }
    expect(await open(await signedBytes(concat(new Uint8Array([0xef, 0xbb, 0xbf]), json)))).toEqual(
      failureOf('protocol'),
    );
  });

  // All of these under the host's own signature.
  test.each<[string, unknown]>([
    ['nobody in it', { ...plain, members: [] }],
    ['the host not first', { ...plain, members: [guest, alice] }],
    ['the host not in it', { ...plain, members: [guest] }],
    ['a key twice', { ...plain, members: [alice, guest, { ...guest, peerId: idOf(3) }] }],
    ["the host's key twice", { ...plain, members: [alice, { ...alice, peerId: idOf(3) }] }],
    ['a peer id twice', { ...plain, members: [alice, { ...guest, peerId: alice.peerId }] }],
    [
      '33 members',
      { ...plain, members: [alice, ...Array.from({ length: MAX_MEMBERS }, (_, i) => memberNumber(i + 100))] },
    ],
    ['a key nobody knows', { ...plain, extra: 1 }],
    ['a key nobody knows in a member', { ...plain, members: [{ ...alice, extra: 1 }] }],
    ['a member missing a field', { ...plain, members: [alice, { key: bob.text, name: 'Bob' }] }],
    ['a name that is too long', { ...plain, members: [{ ...alice, name: 'a'.repeat(MAX_NAME_CHARS + 1) }] }],
    ['a key of 31 bytes', { ...plain, members: [alice, { ...guest, key: toBase64url(new Uint8Array(31)) }] }],
    ['a key with padding', { ...plain, members: [alice, { ...guest, key: `${bob.text}=` }] }],
    ['a key with unused bits set', { ...plain, members: [alice, { ...guest, key: `${bob.text.slice(0, -1)}_` }] }],
    ['a peer id of 15 bytes', { ...plain, members: [{ ...alice, peerId: toBase64url(new Uint8Array(15)) }] }],
    ['rev 0', { ...plain, rev: 0 }],
    ['a rev that is no whole number', { ...plain, rev: 1.5 }],
    ['a rev that cannot be counted on from', { ...plain, rev: 2 ** 53 }],
    ['a rev that is text', { ...plain, rev: '3' }],
    ['less than no time left', { ...plain, expires: -1 }],
    ['a lock that is neither', { ...plain, locked: 1 }],
    ['no members but a thing with a length', { ...plain, members: { length: 1, 0: alice } }],
    ['nothing at all', null],
    ['a list', [plain]],
  ])('with %s', async (_, value) => {
    expect(await open(await signedText(JSON.stringify(value)))).toEqual(failureOf('protocol'));
  });

  test.each([
    ['a lone surrogate in a name', JSON.stringify(plain).replace('Bob', '\\ud83d')],
    ['surrogates the wrong way round', JSON.stringify(plain).replace('Bob', '\\ude00\\ud83d')],
    ['__proto__', JSON.stringify(plain).replace('{"room"', '{"__proto__":{"locked":true},"room"')],
    ['__proto__ in a member', JSON.stringify(plain).replace('{"key"', '{"__proto__":{},"key"')],
    ['__proto__ instead of a field', JSON.stringify(plain).replace('"locked":false', '"__proto__":{"locked":false}')],
    ['an empty text', ''],
    ['no JSON', JSON.stringify(plain).slice(0, -1)],
    ['two of them', JSON.stringify(plain) + JSON.stringify(plain)],
    ['JSON that goes on and on', deepJson(8_000)],
  ])('with %s', async (_, text) => {
    expect(await open(await signedText(text))).toEqual(failureOf('protocol'));
  });
});

describe('nothing but a failure comes', () => {
  test('of arbitrary bytes', async () => {
    const any = fc.asyncProperty(bytes(0, 300), async (drawn) => {
      expect(await open(drawn)).toEqual(failureOf('protocol'));
    });
    await fc.assert(any, decoderRuns);
  });

  test('of JSON nobody meant', async () => {
    // A signature of zeros is refused before anything costly is reckoned.
    const any = fc.asyncProperty(fc.oneof(anyText, meddledJson(fc.constant(plain))), async (text) => {
      expect(await open(concat(new Uint8Array(SIGNATURE_BYTES), utf8(text)))).toEqual(failureOf('protocol'));
    });
    await fc.assert(any, decoderRuns);
  });

  test('of a roster after an accident', async () => {
    const any = fc.asyncProperty(spoiltBytes(fc.constant(signed)), async (spoilt) => {
      fc.pre(!equal(spoilt, signed));
      expect(await open(spoilt)).toEqual(failureOf('protocol'));
    });
    await fc.assert(any, { numRuns: 1_000 });
  });
});
