import fc from 'fast-check';
import nacl from 'tweetnacl';
import { expect, test } from 'vitest';
import { bytes, decoderRuns, spoiltBytes, u32 } from '../testing/arbitraries.ts';
import { expectBytes, expectFailure } from '../testing/expecting.ts';
import { concat, toBase64url, type Bytes } from '../protocol/bytes.ts';
import { MAX_SIGNAL_BODY_BYTES, SIGNAL_PAD_BYTES } from '../protocol/limits.ts';
import { parseFromClient } from '../protocol/signal.ts';
import { openSignal, sealSignal, type Signal } from './seal.ts';

const key = new Uint8Array(32).fill(9);
const BOX_OVERHEAD_BYTES = nacl.secretbox.nonceLength + nacl.secretbox.overheadLength;
const HEADER_BYTES = 1 + 3 * 16 + 4 + 2;

const signal: fc.Arbitrary<Signal> = fc.record({
  from: bytes(16),
  to: bytes(16),
  dial: bytes(16),
  seq: u32,
  body: bytes(0, 600),
});
const signalOf = (bodyBytes: number): Signal => ({
  from: new Uint8Array(16).fill(1),
  to: new Uint8Array(16).fill(2),
  dial: new Uint8Array(16).fill(3),
  seq: 4,
  body: new Uint8Array(bodyBytes).fill(5),
});

/** A box made by somebody who has the link and does not keep to the form. */
function boxOf(plain: Uint8Array): Bytes {
  const nonce = new Uint8Array(nacl.secretbox.nonceLength);
  return concat(nonce, nacl.secretbox(plain, nonce, key));
}

/** The header of a signal that says it has so many bytes of body, in a plain text of `length` bytes. */
function plainOf(length: number, bodyBytes: number, version = 1): Uint8Array {
  const plain = new Uint8Array(length);
  plain[0] = version;
  new DataView(plain.buffer).setUint16(HEADER_BYTES - 2, bodyBytes);
  return plain;
}

test('what is sealed is opened', () => {
  const comesBack = fc.property(signal, (sent) => {
    expect(openSignal(key, sealSignal(key, sent))).toEqual(sent);
  });
  fc.assert(comesBack, { numRuns: 1_000 });
});

test('a box tells only in steps of 256 bytes how long its signal is', () => {
  for (const bodyBytes of [0, 1, 200, 201, 202, 457, 458, MAX_SIGNAL_BODY_BYTES]) {
    const plainBytes = sealSignal(key, signalOf(bodyBytes)).length - BOX_OVERHEAD_BYTES;
    expect(plainBytes % SIGNAL_PAD_BYTES).toBe(0);
    expect(plainBytes - (HEADER_BYTES + bodyBytes)).toBeLessThan(SIGNAL_PAD_BYTES);
  }
});

test('the same signal never makes the same box', () => {
  expect(sealSignal(key, signalOf(1))).not.toEqual(sealSignal(key, signalOf(1)));
});

test('the longest signal fits a message of the signaling server, and one byte more is not sealed', () => {
  const box = toBase64url(sealSignal(key, signalOf(MAX_SIGNAL_BODY_BYTES)));
  const to = toBase64url(new Uint8Array(16));
  expect(parseFromClient(JSON.stringify({ type: 'send', to, box }))).toEqual({ type: 'send', to, box });
  expectFailure(() => sealSignal(key, signalOf(MAX_SIGNAL_BODY_BYTES + 1)), 'internal');
});

test('a box with any one bit flipped is refused', () => {
  const box = sealSignal(key, signalOf(10));
  for (let bit = 0; bit < box.length * 8; bit++) {
    const flipped = box.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(openSignal(key, flipped)).toBeUndefined();
  }
});

test('a box cut or lengthened anywhere is refused', () => {
  const box = sealSignal(key, signalOf(10));
  for (let length = 0; length < box.length; length++) expect(openSignal(key, box.slice(0, length))).toBeUndefined();
  expect(openSignal(key, concat(box, new Uint8Array(1)))).toBeUndefined();
  expect(openSignal(key, concat(box, new Uint8Array(SIGNAL_PAD_BYTES)))).toBeUndefined();
});

test('a box is closed to every other room', () => {
  const box = sealSignal(key, signalOf(10));
  const opens = fc.property(bytes(32), (other) => {
    expect(openSignal(other, box)).toBeUndefined();
  });
  fc.assert(opens, { numRuns: 500 });
});

test('any bytes are refused', () => {
  const refused = fc.property(bytes(0, 400), (box) => {
    expect(openSignal(key, box)).toBeUndefined();
  });
  fc.assert(refused, decoderRuns);
});

test('a spoilt box is refused', () => {
  const box = sealSignal(key, signalOf(10));
  const refused = fc.property(spoiltBytes(fc.constant(box)), (spoilt) => {
    // An accident may put the byte that was there.
    if (toBase64url(spoilt) !== toBase64url(box)) expect(openSignal(key, spoilt)).toBeUndefined();
  });
  fc.assert(refused, decoderRuns);
});

test('whatever somebody with the link boxes is one whole signal or refused', () => {
  const lengths = fc.oneof(fc.constantFrom(256, 512), fc.nat(600));
  const plain = lengths.chain((length) => bytes(length).map((drawn) => drawn.fill(1, 0, 1)));
  const property = fc.property(plain, (inside) => {
    const opened = openSignal(key, boxOf(inside));
    if (!opened) return;
    const { from, to, dial, body } = opened;
    expect([from.length, to.length, dial.length]).toEqual([16, 16, 16]);
    expectBytes(body, inside.subarray(HEADER_BYTES, HEADER_BYTES + body.length));
    expect(inside.length).toBeGreaterThanOrEqual(HEADER_BYTES + body.length);
  });
  fc.assert(property, { numRuns: 2_000 });
});

test.each([
  ['a whole block', plainOf(256, 256 - HEADER_BYTES), 256 - HEADER_BYTES],
  ['the longest body', plainOf(8448, MAX_SIGNAL_BODY_BYTES), MAX_SIGNAL_BODY_BYTES],
])('%s is opened', (_, plain, length) => {
  expect(openSignal(key, boxOf(plain))?.body).toHaveLength(length);
});

test.each([
  ['a body past the end', plainOf(256, 256 - HEADER_BYTES + 1)],
  ['a body over 8 KiB', plainOf(8448, MAX_SIGNAL_BODY_BYTES + 1)],
  ['another version', plainOf(256, 1, 2)],
  ['no padding', plainOf(HEADER_BYTES + 1, 1)],
  ['less than a header', plainOf(HEADER_BYTES, 0).subarray(0, HEADER_BYTES - 1)],
  ['nothing', new Uint8Array()],
])('%s is refused, though the key was right', (_, plain) => {
  expect(openSignal(key, boxOf(plain))).toBeUndefined();
});
