import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, decoderRuns, spoiltBytes, u32 } from '../testing/arbitraries.ts';
import { expectBytes, expectFailure, failureOf, valueOrFailure } from '../testing/expecting.ts';
import { concat, type Bytes } from './bytes.ts';
import { Failure } from './failure.ts';
import {
  DATA_HEADER_BYTES,
  decodeFrame,
  encodeData,
  encodeDiffers,
  encodeHave,
  encodeRequest,
  frameStep,
  type Frame,
} from './frames.ts';
import { HASH_BYTES } from './hash-list.ts';
import { KiB, MAX_FRAME_BYTES, MiB } from './limits.ts';

const hash = new Uint8Array(HASH_BYTES).fill(7);

const request = fc
  .tuple(u32, u32, u32)
  .filter(([, from, to]) => from !== to)
  .map(([stream, a, b]) => encodeRequest(stream, Math.min(a, b), Math.max(a, b)));
const data = fc
  .tuple(u32, u32, fc.oneof(fc.constant(0), u32), bytes(HASH_BYTES), bytes(1, 100))
  .map(([stream, piece, offset, pieceHash, body]) => encodeData(stream, piece, offset, pieceHash, body));
const have = fc
  .tuple(u32, u32, fc.array(bytes(HASH_BYTES), { minLength: 1, maxLength: 3 }))
  .map(([stream, from, hashes]) => encodeHave(stream, from, concat(...hashes)));
const differs = fc
  .tuple(u32, fc.array(u32, { minLength: 1, maxLength: 5 }))
  .map(([stream, pieces]) => encodeDiffers(stream, pieces));
const frame = fc.oneof(request, data, have, differs);

function encode(decoded: Frame): Bytes {
  if (decoded.kind === 'request') return encodeRequest(decoded.stream, decoded.from, decoded.to);
  if (decoded.kind === 'have') return encodeHave(decoded.stream, decoded.from, decoded.hashes);
  if (decoded.kind === 'differs') return encodeDiffers(decoded.stream, decoded.pieces);
  return encodeData(decoded.stream, decoded.piece, decoded.offset, decoded.hash ?? hash, decoded.bytes);
}

/** Either the one frame these bytes spell, to the last byte, or a protocol failure. */
function expectFrameOrFailure(message: Bytes): void {
  const decoded = valueOrFailure(() => decodeFrame(message.buffer));
  if (decoded instanceof Failure) expect(decoded.code).toBe('protocol');
  else expectBytes(encode(decoded), message);
}

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(frame, (message) => {
      expectBytes(encode(decodeFrame(message.buffer)), message);
    }),
    decoderRuns,
  );
});

test('any bytes are one frame or refused', () => {
  const kinds = fc.constantFrom(0x10, 0x11, 0x12, 0x13, 0x14);
  const headed = fc.tuple(kinds, bytes(0, 60)).map(([kind, rest]) => concat(new Uint8Array([kind]), rest));
  fc.assert(fc.property(fc.oneof(bytes(0, 80), headed), expectFrameOrFailure), decoderRuns);
});

test('a spoilt frame is another frame or refused', () => {
  fc.assert(fc.property(spoiltBytes(frame), expectFrameOrFailure), decoderRuns);
});

test('the file bytes of a frame are views into it, never copies', () => {
  const message = encodeData(1, 2, 0, hash, new Uint8Array([9, 9]));
  const decoded = decodeFrame(message.buffer);
  expect(decoded.kind === 'data' && [decoded.bytes.buffer, decoded.hash?.buffer]).toEqual([
    message.buffer,
    message.buffer,
  ]);
});

test('a frame goes into the memory it is given, if that is large enough', () => {
  const scratch = new ArrayBuffer(100);
  const own = encodeData(1, 2, 0, hash, new Uint8Array([3, 4]));
  const into = encodeData(1, 2, 0, hash, new Uint8Array([3, 4]), scratch);
  expect(into.buffer).toBe(scratch);
  expectBytes(into, own);
  const small = encodeData(1, 2, 0, hash, new Uint8Array([3, 4]), new ArrayBuffer(own.length - 1));
  expectBytes(small, own);
});

const REQUEST_BYTES = 13;
test.each([
  ['nothing', 0, 0x10],
  ['a request one byte short', REQUEST_BYTES - 1, 0x10],
  ['a request one byte long', REQUEST_BYTES + 1, 0x10],
  ['a data frame cut in its header', DATA_HEADER_BYTES - 1, 0x11],
  ['a data frame of a header alone', DATA_HEADER_BYTES, 0x11],
  ['a first data frame cut in its hash', DATA_HEADER_BYTES + HASH_BYTES - 1, 0x11],
  ['a first data frame without a byte of the file', DATA_HEADER_BYTES + HASH_BYTES, 0x11],
  ['a frame one byte over the limit', MAX_FRAME_BYTES + 1, 0x11],
  ['a have of no hash', 9, 0x12],
  ['a have with half a hash', 9 + HASH_BYTES + 16, 0x12],
  ['a have of one hash too many', 9 + 1_025 * HASH_BYTES, 0x12],
  ['a differs of no piece', 5, 0x13],
  ['a differs with half a piece', 7, 0x13],
  ['a differs of one piece too many', 5 + 1_025 * 4, 0x13],
  ['an unknown kind', 20, 0x14],
])('%s is refused', (_, length, kind) => {
  const message = new Uint8Array(length);
  message.set([kind].slice(0, length));
  expectFailure(() => decodeFrame(message.buffer), 'protocol');
});

test.each([
  ['a later data frame with one byte', DATA_HEADER_BYTES + 1, 16 * KiB],
  ['a first data frame with one byte', DATA_HEADER_BYTES + HASH_BYTES + 1, 0],
  ['a data frame of the largest length', MAX_FRAME_BYTES, 0],
])('%s is taken', (_, length, offset) => {
  const body = length - DATA_HEADER_BYTES - (offset === 0 ? HASH_BYTES : 0);
  const message = encodeData(1, 2, offset, hash, new Uint8Array(body));
  expect(message.length).toBe(length);
  expect(decodeFrame(message.buffer)).toMatchObject({ kind: 'data', offset });
});

test('a request for no piece, or from the end backwards, is refused', () => {
  for (const [from, to] of [
    [3, 3],
    [4, 3],
  ] as const) {
    expect(valueOrFailure(() => decodeFrame(encodeRequest(1, from, to).buffer))).toEqual(failureOf('protocol'));
  }
});

test.each([
  [16 * KiB, 16 * KiB],
  [64 * KiB, 32 * KiB],
  [64 * KiB + DATA_HEADER_BYTES + HASH_BYTES, 64 * KiB],
  [64 * KiB + DATA_HEADER_BYTES + HASH_BYTES - 1, 32 * KiB],
  [256 * KiB, 128 * KiB],
  [MiB, 128 * KiB],
  [Infinity, 128 * KiB],
])('a channel that takes messages of %d bytes gets steps of %d', (maxMessageBytes, step) => {
  expect(frameStep(maxMessageBytes)).toBe(step);
});
