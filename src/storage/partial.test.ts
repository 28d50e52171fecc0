import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sha256, type Bytes } from '../protocol/bytes.ts';
import { HashList } from '../protocol/hash-list.ts';
import { expectBytes } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { hashInStep } from '../testing/scheduler.ts';
import { heldPieces } from './partial.ts';

const PIECE_BYTES = 100;
const SIZE = 350;
const PIECES = 4;

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

/** The hashes of these pieces of the noise every file here is made of. */
async function noted(...pieces: number[]): Promise<HashList> {
  const hashes = new HashList(PIECES);
  for (const piece of pieces) {
    const at = piece * PIECE_BYTES;
    hashes.set(piece, await sha256(noise(SIZE).slice(at, at + PIECE_BYTES)));
  }
  return hashes;
}

/** Reads as an access handle does: no further than the file goes. */
function readerOf(file: Uint8Array) {
  return vi.fn((bytes: Bytes, at: number) => {
    const there = file.subarray(at, at + bytes.length);
    bytes.set(there);
    return there.length;
  });
}

test('pieces whose bytes are as noted are held, the shorter last one too', async () => {
  const hashes = await noted(0, 1, 2, 3);
  const held = await heldPieces(hashes, SIZE, PIECE_BYTES, readerOf(noise(SIZE)));
  expect([...held.known()]).toEqual([0, 1, 2, 3]);
  expectBytes(held.bytes, hashes.bytes);
});

test('only noted pieces are read and held, each no further than it goes', async () => {
  const read = readerOf(noise(SIZE));
  const hashes = await noted(1, 3);
  const held = await heldPieces(hashes, SIZE, PIECE_BYTES, read);
  expectBytes(held.bytes, hashes.bytes);
  expect(read.mock.calls.map(([bytes, at]) => [at, bytes.length])).toEqual([
    [100, 100],
    [300, 50],
  ]);
});

test.each([
  ['in its first byte', 100],
  ['in its last byte', 199],
])('a piece that changed %s is forgotten, and the rest is held', async (_, at) => {
  const file = noise(SIZE).slice();
  file[at] = (file[at] ?? 0) ^ 1;
  const held = await heldPieces(await noted(0, 1, 2, 3), SIZE, PIECE_BYTES, readerOf(file));
  expectBytes(held.bytes, (await noted(0, 2, 3)).bytes);
});

test.each([
  ['in its last piece', 349, [0, 1, 2]],
  ['at the start of its last piece', 300, [0, 1, 2]],
  ['inside a full piece', 299, [0, 1]],
  ['at its first byte', 0, []],
])('of a file that ends %s the pieces before the end are held', async (_, length, pieces) => {
  const held = await heldPieces(await noted(0, 1, 2, 3), SIZE, PIECE_BYTES, readerOf(noise(SIZE).subarray(0, length)));
  expectBytes(held.bytes, (await noted(...pieces)).bytes);
});

test('a piece that ends early is not made whole by what was read before it', async () => {
  // The two are the same but for the end that is missing.
  const file = new Uint8Array(199).fill(7);
  const hashes = new HashList(2);
  for (const piece of [0, 1]) hashes.set(piece, await sha256(file.slice(0, PIECE_BYTES)));
  const held = await heldPieces(hashes, 200, PIECE_BYTES, readerOf(file));
  expect([...held.known()]).toEqual([0]);
});

test('a hash noted for another piece does not count', async () => {
  const hashes = await noted(0);
  hashes.set(1, hashes.at(0));
  const held = await heldPieces(hashes, SIZE, PIECE_BYTES, readerOf(noise(SIZE)));
  expect([...held.known()]).toEqual([0]);
});

test('what was noted stays as it was', async () => {
  const hashes = await noted(0, 1, 2, 3);
  await heldPieces(hashes, SIZE, PIECE_BYTES, readerOf(noise(0)));
  expect([...hashes.known()]).toEqual([0, 1, 2, 3]);
});

test('of an empty file nothing is read', async () => {
  const read = readerOf(noise(0));
  expect([...(await heldPieces(new HashList(0), 0, PIECE_BYTES, read)).known()]).toEqual([]);
  expect(read).not.toHaveBeenCalled();
});
