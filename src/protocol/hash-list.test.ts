import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes } from '../testing/arbitraries.ts';
import { expectBytes } from '../testing/expecting.ts';
import { HASH_BYTES, HashList } from './hash-list.ts';

const hashOf = (byte: number) => new Uint8Array(HASH_BYTES).fill(byte);
const NONE = hashOf(0);

test('nothing is known of a new list', () => {
  const list = new HashList(3);
  expect(list.bytes).toHaveLength(3 * HASH_BYTES);
  expect([...list.known()]).toEqual([]);
  expectBytes(list.at(1), NONE);
});

test('a hash is known until it is forgotten, and no other one with it', () => {
  const list = new HashList(3);
  for (const piece of [2, 0]) list.set(piece, hashOf(piece + 1));
  expect([...list.known()]).toEqual([0, 2]);
  expect([0, 1, 2, 3].map((piece) => list.has(piece))).toEqual([true, false, true, false]);
  list.forget(0);
  expect([...list.known()]).toEqual([2]);
  expectBytes(list.bytes, new Uint8Array([...NONE, ...NONE, ...hashOf(3)]));
});

test.each([0, HASH_BYTES - 1])('a hash is known by one byte that is not zero, at %d', (at) => {
  const list = new HashList(1);
  list.set(
    0,
    NONE.map((_, i) => (i === at ? 1 : 0)),
  );
  expect(list.has(0)).toBe(true);
});

test('a list starts from a copy of what is known, as far as it goes', () => {
  const known = new Uint8Array([...hashOf(1), ...NONE, ...hashOf(3)]);
  expect([1, 2, 3, 4].map((pieces) => [...new HashList(pieces, known).known()])).toEqual([[0], [0], [0, 2], [0, 2]]);
  const list = new HashList(3, known);
  list.forget(0);
  expectBytes(known.subarray(0, HASH_BYTES), hashOf(1));
});

test('an empty list knows nothing', () => {
  expect([...new HashList(0, hashOf(1)).known()]).toEqual([]);
});

test('each hash is where its piece is', () => {
  const entry = fc.tuple(fc.nat(19), fc.option(bytes(HASH_BYTES), { nil: undefined }));
  const keep = fc.property(fc.array(entry), (edits) => {
    const list = new HashList(20);
    const model = new Map<number, Uint8Array>();
    for (const [piece, hash] of edits) {
      if (hash) list.set(piece, hash);
      else list.forget(piece);
      model.set(piece, hash ?? NONE);
    }
    for (let piece = 0; piece < 20; piece++) expectBytes(list.at(piece), model.get(piece) ?? NONE);
    const known = [...model].filter(([, hash]) => hash.some((byte) => byte !== 0)).map(([piece]) => piece);
    expect([...list.known()]).toEqual(known.sort((a, b) => a - b));
  });
  fc.assert(keep);
});
