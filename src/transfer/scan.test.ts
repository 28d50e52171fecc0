import { expect, test, vi } from 'vitest';
import { MiB } from '../protocol/limits.ts';
import type { Scanner } from '../safety/scanner.ts';
import { isWanted, scan, scanLimitMs, ScanQueue } from './scan.ts';

/** Says how many bytes it was given. */
const counter = (isWorth: (size: number) => boolean = () => true): Scanner => ({
  wants: isWorth,
  begin: (size) => {
    let bytes = 0;
    return { add: (more) => (bytes += more.length), end: () => `${bytes} of ${size}` };
  },
});
const clean: Scanner = { wants: () => true, begin: () => ({ add: () => undefined, end: () => undefined }) };
const still = () => 0;

test('each scanner sees every byte once, and what each found is told', async () => {
  const size = 2 * MiB + 5;
  const file = new Blob([new Uint8Array(size)]);
  expect(await scan(file, [counter(), clean, counter()], still)).toEqual([`${size} of ${size}`, `${size} of ${size}`]);
  expect(await scan(file, [clean], still)).toEqual([]);
});

test('a file nobody wants to see is not read', async () => {
  const file = new Blob(['x']);
  const read = vi.spyOn(file, 'slice');
  const small = counter((size) => size > 1);
  expect(isWanted([small], 1)).toBe(false);
  expect(await scan(file, [small], still)).toEqual([]);
  expect(read).not.toHaveBeenCalled();
});

test('an empty file is looked at too', async () => {
  expect(await scan(new Blob(), [counter()], still)).toEqual(['0 of 0']);
});

test('files are looked through one after the other, each with time of its own', async () => {
  const queue = new ScanQueue();
  let now = 0;
  const order: string[] = [];
  const slow = (name: string): Scanner => ({
    wants: () => true,
    begin: () => {
      order.push(`${name} begins`);
      return { add: () => (now += scanLimitMs(1) - 1), end: () => void order.push(`${name} ends`) };
    },
  });
  const all = ['a', 'b', 'c'].map((name) => queue.scan(new Blob(['x']), [slow(name)], () => now));
  expect(await Promise.all(all)).toEqual([[], [], []]);
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('what takes too long is not cleared', async () => {
  const file = new Blob([new Uint8Array(3 * MiB)]);
  let now = 0;
  const slow: Scanner = {
    wants: () => true,
    begin: () => ({ add: () => (now += scanLimitMs(file.size)), end: () => undefined }),
  };
  expect(await scan(file, [slow], () => now)).toEqual(['It could not be looked through in time.']);
});

test('nor is what cannot be read, or breaks its scanner', async () => {
  const file = new Blob(['x']);
  const broken: Scanner = {
    wants: () => true,
    begin: () => {
      throw new RangeError('a file I do not understand');
    },
  };
  expect(await scan(file, [broken], still)).toEqual(['It could not be read to be looked through.']);
  vi.spyOn(file, 'slice').mockImplementation(() => {
    throw new DOMException('gone', 'NotFoundError');
  });
  expect(await scan(file, [clean], still)).toEqual(['It could not be read to be looked through.']);
});
