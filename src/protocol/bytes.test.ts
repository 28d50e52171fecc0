import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, decoderRuns, spoiltText } from '../testing/arbitraries.ts';
import { expectBytes } from '../testing/expecting.ts';
import { concat, context, equal, fromBase64url, fromUtf8, sha256, toBase64url, toHex, u64, utf8 } from './bytes.ts';

test('base64url comes back as the bytes it was made of', () => {
  fc.assert(
    fc.property(bytes(0, 100), (whole) => {
      const text = toBase64url(whole);
      expect(text).toMatch(/^[A-Za-z0-9_-]*$/);
      expectBytes(fromBase64url(text) ?? new Uint8Array(), whole);
    }),
    decoderRuns,
  );
});

test('base64url has one spelling for any bytes, and every other text is refused', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.base64String(),
    spoiltText(bytes(0, 40).map(toBase64url)),
  );
  fc.assert(
    fc.property(text, (spelled) => {
      const read = fromBase64url(spelled);
      if (read) expect(toBase64url(read)).toBe(spelled);
    }),
    decoderRuns,
  );
});

test('base64url agrees with the platform', () => {
  fc.assert(
    fc.property(bytes(0, 100), (whole) => {
      expect(toBase64url(whole)).toBe(Buffer.from(whole).toString('base64url'));
    }),
  );
});

test.each(['A', 'AAAAA', 'AB', 'AAB', 'AA==', 'AA=', ' AAAA', 'AA+A', 'AA/A', 'ＡＡＡＡ', 'AA\u0000A', 'AAA😀'])(
  'base64url refuses %j',
  (text) => {
    expect(fromBase64url(text)).toBeUndefined();
  },
);

test('UTF-8 comes back as the text it was made of', () => {
  const comesBack = fc.property(fc.string({ unit: 'binary' }), (text) => {
    expect(fromUtf8(utf8(text))).toBe(text);
  });
  fc.assert(comesBack);
});

test.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0xe2, 0x82]]])(
  'bytes %j are no UTF-8',
  (broken) => {
    expect(fromUtf8(new Uint8Array(broken))).toBeUndefined();
  },
);

test('a byte order mark is text like any other', () => {
  expect(fromUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toBe('\ufeffa');
});

test('bytes are equal only when every one is', () => {
  fc.assert(
    fc.property(bytes(0, 20), bytes(0, 20), (a, b) => {
      expect(equal(a, b)).toBe(Buffer.compare(a, b) === 0);
      expect(equal(a, a.slice())).toBe(true);
    }),
  );
});

test('parts are put one after the other', () => {
  expect(concat()).toEqual(new Uint8Array());
  expect(concat(utf8('one'), new Uint8Array(), utf8('two'))).toEqual(utf8('onetwo'));
});

test('numbers are big-endian and keep all 53 bits', () => {
  expect(toHex(u64(0))).toBe('0000000000000000');
  expect(toHex(u64(0x0102_0304_0506))).toBe('0000010203040506');
  expect(toHex(u64(Number.MAX_SAFE_INTEGER))).toBe('001fffffffffffff');
});

test('a context is its name in 32 bytes', () => {
  expect(toHex(context('root'))).toBe(`${toHex(utf8('doorstep/1 root'))}${'00'.repeat(17)}`);
});

test('SHA-256 is the platform’s', async () => {
  expect(toHex(await sha256(utf8('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
