import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, context, sha256, u64 } from '../protocol/bytes.ts';
import { GiB, MAX_FILE_BYTES, MAX_PIECE_BYTES, MAX_PIECES, MiB } from '../protocol/limits.ts';
import { expectFailure } from '../testing/expecting.ts';
import { manifestOf, pieceLength, rootOf } from './manifest.ts';
import { windowBytes } from './window.ts';

test.each([
  ['an empty file', 0, 1, 0, undefined],
  ['one byte', 1, 1, 1, 1],
  ['a piece less one byte', MiB - 1, 1, 1, MiB - 1],
  ['a piece', MiB, 1, 1, MiB],
  ['a piece and one byte', MiB + 1, 1, 2, 1],
  ['two pieces', 2 * MiB, 1, 2, MiB],
  ['the last size of 1 MiB pieces', 16 * GiB, 1, MAX_PIECES, MiB],
  ['the first size of 2 MiB pieces', 16 * GiB + 1, 2, MAX_PIECES / 2 + 1, 1],
  ['the last size of 2 MiB pieces', 32 * GiB, 2, MAX_PIECES, 2 * MiB],
  ['the first size of 4 MiB pieces', 32 * GiB + 1, 4, MAX_PIECES / 2 + 1, 1],
  ['the first size of 8 MiB pieces', 64 * GiB + 1, 8, MAX_PIECES / 2 + 1, 1],
  ['the largest file', 128 * GiB, 8, MAX_PIECES, 8 * MiB],
])('%s is cut into the right pieces', (_, size, pieceMiB, pieces, lastPiece) => {
  const manifest = manifestOf(size);
  expect(manifest).toEqual({ size, pieceBytes: pieceMiB * MiB, pieces });
  if (lastPiece !== undefined) expect(pieceLength(manifest, pieces - 1)).toBe(lastPiece);
});

test('a file over 128 GiB is too large', () => {
  expectFailure(() => manifestOf(MAX_FILE_BYTES + 1), 'too-large');
});

test('the pieces of any file are all of it, and never more than 16,384', () => {
  const sizes = fc.oneof(
    fc.nat(MAX_FILE_BYTES),
    fc.nat(64 * MiB),
    fc.nat(40).map((power) => Math.min(2 ** power, MAX_FILE_BYTES)),
  );
  const whole = fc.property(sizes, (size) => {
    const manifest = manifestOf(size);
    expect(manifest.pieces).toBeLessThanOrEqual(MAX_PIECES);
    expect(manifest.pieceBytes).toBeLessThanOrEqual(MAX_PIECE_BYTES);
    if (size === 0) return;
    const last = pieceLength(manifest, manifest.pieces - 1);
    expect((manifest.pieces - 1) * manifest.pieceBytes + last).toBe(size);
    expect(last).toBeGreaterThan(0);
    expect(windowBytes(manifest.pieceBytes)).toBeGreaterThanOrEqual(2 * manifest.pieceBytes);
  });
  fc.assert(whole, { numRuns: 2_000 });
});

test('a root is over the size and the hashes of all pieces', async () => {
  const hashes = new Uint8Array(64).fill(5);
  expect(await rootOf(MiB + 1, hashes)).toEqual(await sha256(concat(context('root'), u64(MiB + 1), hashes)));
  expect(await rootOf(MiB + 2, hashes)).not.toEqual(await rootOf(MiB + 1, hashes));
  expect(await rootOf(0, new Uint8Array())).toEqual(await sha256(concat(context('root'), u64(0))));
});
