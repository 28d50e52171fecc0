import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, decoderRuns, spoiltText } from '../testing/arbitraries.ts';
import { failureOf, settled } from '../testing/expecting.ts';
import { hex, vectors } from '../testing/vectors.ts';
import { toBase64url, toHex } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import {
  deriveRoomKeys,
  formatFragment,
  hostPin,
  newRoomLink,
  parseFragment,
  parseLink,
  type RoomLink,
} from './room-link.ts';

const count = (from: number, length: number) => Uint8Array.from({ length }, (_, i) => from + i);

const golden = vectors('link');
const goldenLink = { secret: hex(golden['secret']), hostPin: hex(golden['hostPin']) };
const fragment = golden['fragment'] ?? '';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const link: fc.Arbitrary<RoomLink> = fc.record({ secret: bytes(16), hostPin: bytes(16) });

test('a link is spelled as the protocol says', async () => {
  expect(await formatFragment(goldenLink)).toBe(fragment);
  expect(await parseFragment(fragment)).toEqual(goldenLink);
});

test('the keys of a link are those the protocol says', async () => {
  const { roomId, seal, bind } = await deriveRoomKeys(goldenLink);
  expect([roomId, seal, bind].map(toHex)).toEqual([golden['roomId'], golden['seal'], golden['bind']]);
});

test('a host pin is that of the protocol', async () => {
  expect(toHex(await hostPin(hex(golden['hostKey'])))).toBe(golden['pinOfHostKey']);
});

test('a new link names its host and a secret of its own', async () => {
  const hostKey = count(0, 32);
  const [one, other] = [await newRoomLink(hostKey), await newRoomLink(hostKey)];
  expect(one.hostPin).toEqual(await hostPin(hostKey));
  expect(one.secret).toHaveLength(16);
  expect(one.secret).not.toEqual(other.secret);
});

test('a link comes back as what it was made of, in 48 characters', async () => {
  const comesBack = fc.asyncProperty(link, async (made) => {
    const fragment = await formatFragment(made);
    expect(fragment).toHaveLength(48);
    expect(await parseFragment(fragment)).toEqual(made);
    expect(await parseLink(` https://example.org/#${fragment}\n`)).toEqual(made);
  });
  await fc.assert(comesBack, { numRuns: 1_000 });
});

test('any text is the one spelling of a link, or refused', async () => {
  const fragments = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    bytes(0, 40).map(toBase64url),
    bytes(33).map((rest) => toBase64url(rest).replace(/^../, 'AQ')),
    spoiltText(fc.constant(fragment)),
  );
  const property = fc.asyncProperty(fragments, async (text) => {
    const parsed = await settled(parseFragment(text));
    if (parsed instanceof Failure) expect(['bad-link', 'other-version']).toContain(parsed.code);
    else expect(await formatFragment(parsed)).toBe(text.replace(/^#/, ''));
  });
  await fc.assert(property, decoderRuns);
});

test('every change of a single character is refused, and told from another version', async () => {
  for (const [at, here] of fragment.split('').entries()) {
    for (const there of `${ALPHABET}+/=%. é\u0000`) {
      if (there === here) continue;
      const changed = fragment.slice(0, at) + there + fragment.slice(at + 1);
      // The version is the first character and the upper two bits of the second.
      const otherVersion = (at === 0 || (at === 1 && ALPHABET.indexOf(there) >> 4 !== 1)) && ALPHABET.includes(there);
      const refused = await settled(parseFragment(changed));
      expect(refused, changed).toEqual(failureOf(otherVersion ? 'other-version' : 'bad-link'));
    }
  }
});

test.each([
  ['nothing', ''],
  ['a hash alone', '#'],
  ['two hashes', `##${fragment}`],
  ['a character short', fragment.slice(0, -1)],
  ['three bytes short', fragment.slice(0, -4)],
  ['a byte long', `${fragment}AA`],
  ['three bytes long', `${fragment}AAAA`],
  ['space around it', ` ${fragment}`],
  ['padding', `${fragment}====`],
  ['the other base64', toBase64url(new Uint8Array(36).fill(255)).replace(/^../, 'AQ').replaceAll('_', '/')],
  ['percent signs', fragment.replace('A', '%41')],
  ['full-width letters', fragment.replace('A', 'Ａ')],
])('a fragment with %s is a bad link', async (_, text) => {
  expect(await settled(parseFragment(text))).toEqual(failureOf('bad-link'));
});

test.each([0, 2, 255])('a link of version %d is one of another version, whatever follows', async (version) => {
  for (const length of [1, 36, 60]) {
    const text = toBase64url(new Uint8Array(length).fill(version, 0, 1));
    expect(await settled(parseFragment(text))).toEqual(failureOf('other-version'));
  }
});

test.each(['', 'https://example.org/', `https://example.org/#${fragment}#`, `https://example.org/#a#b`])(
  'pasting %j is a bad link',
  async (text) => {
    expect(await settled(parseLink(text))).toEqual(failureOf('bad-link'));
  },
);

test('a link always gives the same keys, and another link gives others', async () => {
  const property = fc.asyncProperty(link, fc.nat(255), fc.integer({ min: 1, max: 255 }), async (made, place, flip) => {
    const keys = await deriveRoomKeys(made);
    expect(await deriveRoomKeys(made)).toEqual(keys);
    expect(keys.roomId).toHaveLength(16);
    expect(keys.seal).toHaveLength(32);
    const changed = { secret: made.secret.slice(), hostPin: made.hostPin.slice() };
    const part = place % 2 ? changed.secret : changed.hostPin;
    part[(place >> 1) % 16] = (part[(place >> 1) % 16] ?? 0) ^ flip;
    const others = await deriveRoomKeys(changed);
    expect(others.roomId).not.toEqual(keys.roomId);
    expect(others.seal).not.toEqual(keys.seal);
  });
  await fc.assert(property, { numRuns: 500 });
});
