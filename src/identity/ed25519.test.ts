import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, utf8, type Bytes } from '../protocol/bytes.ts';
import { bytes } from '../testing/arbitraries.ts';
import { hex } from '../testing/vectors.ts';
import { isPublicKey, keyFromSeed, verify } from './ed25519.ts';

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const FIELD = 2n ** 255n - 19n;

function fromLittleEndian(at: Uint8Array): bigint {
  return at.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function littleEndian(value: bigint, length = 32): Bytes {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/** RFC 8032 §7.1: seed, public key, message, signature. */
const rfc8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;

/** Encodings of the points of small order: the five y, either sign, and the y that are not canonical. */
const smallOrder = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];

test.each(rfc8032)('RFC 8032: the key %s', (seed, publicKey, message, signature) => {
  const key = keyFromSeed(hex(seed));
  const said = fromHex(message) ?? new Uint8Array();
  expect(key.publicKey).toEqual(hex(publicKey));
  expect(key.sign(said)).toEqual(hex(signature));
  expect(verify(hex(publicKey), said, hex(signature))).toBe(true);
});

describe('refused', () => {
  const key = keyFromSeed(hex(rfc8032[1][0]));
  const message = utf8('the doorstep');
  const signature = key.sign(message);
  const r = signature.slice(0, 32);
  const s = fromLittleEndian(signature.subarray(32));

  test('the honest signature is not', () => {
    expect(verify(key.publicKey, message, signature)).toBe(true);
  });

  test.each(smallOrder)('keys of small order, whatever they sign: %s', (weak) => {
    expect(isPublicKey(hex(weak))).toBe(false);
    // R = the identity, S = 0: what tweetnacl takes for every message under the first of these keys.
    const constant = concat(hex(smallOrder[0]), new Uint8Array(32));
    for (const said of ['', 'a', 'anything']) expect(verify(hex(weak), utf8(said), constant)).toBe(false);
  });

  test('what tweetnacl itself would take: the constant signature, and S + L', () => {
    const constant = concat(hex(smallOrder[0]), new Uint8Array(32));
    expect(nacl.sign.detached.verify(message, constant, hex(smallOrder[0]))).toBe(true);
    const malleated = concat(r, littleEndian(s + ORDER));
    expect(nacl.sign.detached.verify(message, malleated, key.publicKey)).toBe(true);
    expect(verify(key.publicKey, message, malleated)).toBe(false);
  });

  test.each([1n, 2n, 4n, 8n].map((times) => [times]))('S with L added %s times', (times) => {
    expect(verify(key.publicKey, message, concat(r, littleEndian(s + times * ORDER)))).toBe(false);
  });

  test.each([
    ['0', 0n],
    ['1', 1n],
    ['L − 1', ORDER - 1n],
    ['L', ORDER],
    ['L + 1', ORDER + 1n],
    ['p − 1', FIELD - 1n],
    ['p', FIELD],
    ['all ones', 2n ** 256n - 1n],
  ])('R or S replaced by %s', (_, value) => {
    const special = littleEndian(value);
    expect(verify(key.publicKey, message, concat(r, special))).toBe(false);
    expect(verify(key.publicKey, message, concat(special, littleEndian(s)))).toBe(false);
    for (const other of [0n, 1n, ORDER - 1n, ORDER, FIELD]) {
      expect(verify(key.publicKey, message, concat(special, littleEndian(other)))).toBe(false);
    }
  });

  test.each(smallOrder)('R of small order: %s', (weak) => {
    expect(verify(key.publicKey, message, concat(hex(weak), littleEndian(s)))).toBe(false);
  });

  test('every wrong length of key and signature', () => {
    const lengths = fc.property(fc.nat(200), fc.nat(200), (a, b) => {
      const [shortKey, shortSignature] = [new Uint8Array(a).fill(3), new Uint8Array(b).fill(5)];
      if (a !== 32) expect(verify(shortKey, message, signature)).toBe(false);
      if (b !== 64) expect(verify(key.publicKey, message, shortSignature)).toBe(false);
    });
    fc.assert(lengths, { numRuns: 300 });
    for (const cut of [0, 1, 31, 32, 33, 63]) {
      expect(verify(key.publicKey, message, signature.slice(0, cut))).toBe(false);
      expect(verify(key.publicKey, message, signature.slice(64 - cut))).toBe(false);
    }
    expect(verify(key.publicKey, message, concat(signature, new Uint8Array(1)))).toBe(false);
    expect(verify(key.publicKey, message, concat(key.publicKey, signature))).toBe(false);
  });

  test('any flipped bit of key, message or signature', () => {
    const flip = (at: Bytes, bit: number) => at.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    const flipped = fc.property(
      fc.nat(255),
      fc.nat(511),
      fc.nat(8 * message.length - 1),
      (inKey, inSignature, inMessage) => {
        expect(verify(flip(key.publicKey, inKey), message, signature)).toBe(false);
        expect(verify(key.publicKey, message, flip(signature, inSignature))).toBe(false);
        expect(verify(key.publicKey, flip(message, inMessage), signature)).toBe(false);
      },
    );
    fc.assert(flipped, { numRuns: 60 });
  });
});

test('never throws, and takes no rubbish', () => {
  const rubbish = fc.property(bytes(32), fc.uint8Array({ maxLength: 100 }), bytes(64), (key, message, signature) => {
    expect(verify(key, message, signature)).toBe(false);
  });
  fc.assert(rubbish, { numRuns: 200 });
});

test('agrees with WebCrypto, both ways', async () => {
  const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const own = keyFromSeed(hex(rfc8032[0][0]));
  const imported = await crypto.subtle.importKey('raw', own.publicKey, 'Ed25519', false, ['verify']);
  const agree = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (said) => {
    const message = new Uint8Array(said);
    const native = new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, message));
    expect(verify(publicKey, message, native)).toBe(true);
    expect(await crypto.subtle.verify('Ed25519', imported, own.sign(message), message)).toBe(true);
  });
  await fc.assert(agree, { numRuns: 20 });
});
