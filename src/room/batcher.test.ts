import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Batcher, chunks } from './batcher.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function batcher() {
  const send = vi.fn<(items: number[]) => void>();
  return { send, batch: new Batcher<number>((items) => send(items)) };
}

test('what comes alone goes at once', () => {
  const { send, batch } = batcher();
  batch.add(1, true);
  expect(send.mock.calls).toEqual([[[1]]]);
});

test('what comes among others goes with them, after 250 ms at the latest', () => {
  const { send, batch } = batcher();
  batch.add(1, false);
  vi.advanceTimersByTime(200);
  batch.add(2, false);
  expect(send).not.toHaveBeenCalled();
  vi.advanceTimersByTime(50);
  expect(send.mock.calls).toEqual([[[1, 2]]]);
  vi.advanceTimersByTime(1_000);
  expect(send).toHaveBeenCalledTimes(1);
});

test('the last of many takes along what waited', () => {
  const { send, batch } = batcher();
  batch.add(1, false);
  batch.add(2, true);
  vi.advanceTimersByTime(1_000);
  expect(send.mock.calls).toEqual([[[1, 2]]]);
});

test('no batch is larger than a message may be', () => {
  const { send, batch } = batcher();
  for (let i = 0; i < 1_100; i++) batch.add(i, false);
  vi.advanceTimersByTime(250);
  expect(send.mock.calls.map(([items]) => items.length)).toEqual([512, 512, 76]);
});

test('chunks are runs of at most that size', () => {
  expect(chunks([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunks([], 2)).toEqual([]);
});
