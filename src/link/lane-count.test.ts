import { describe, expect, test } from 'vitest';
import { MiB } from '../protocol/limits.ts';
import { randomOf } from '../testing/noise.ts';
import { LaneCount } from './lane-count.ts';

const SECOND_MS = 1_000;

/** Lets a link run whose rate depends on its lanes; what it wanted, second by second. */
function run(
  seconds: number,
  {
    rate,
    toCome = () => 1_000 * MiB,
    rttMs,
  }: { rate: (lanes: number) => number; toCome?: (second: number) => number; rttMs?: number },
): number[] {
  const count = new LaneCount();
  const wanted: number[] = [];
  let bytes = 0;
  for (let second = 0; second < seconds; second++) {
    const lanes = count.next(5_000 + second * SECOND_MS, { bytes, toCome: toCome(second), rttMs });
    wanted.push(lanes);
    if (toCome(second) > 0) bytes += rate(lanes);
  }
  return wanted;
}

/** Share of the time with so many lanes. */
const share = (wanted: readonly number[], lanes: number) => wanted.filter((n) => n === lanes).length / wanted.length;

describe('the number of lanes', () => {
  test('is one while little is to come', () => {
    expect(new Set(run(60, { rate: (n) => n, toCome: () => 16 * MiB - 1 }))).toEqual(new Set([1]));
  });

  test.each([
    [undefined, 6],
    [29, 6],
    [30, 8],
  ])('begins with what was best at a round trip of %s ms: %i', (rttMs, lanes) => {
    const wanted = run(15, { rate: (n) => n * MiB, ...(rttMs !== undefined && { rttMs }) });
    expect(new Set(wanted)).toEqual(new Set([lanes]));
  });

  test('goes up where every lane helps, and stays there but for short tries', () => {
    expect(share(run(600, { rate: (n) => n * MiB }), 8)).toBeGreaterThan(0.7);
    expect(share(run(600, { rate: (n) => n * MiB, rttMs: 100 }), 8)).toBeGreaterThan(0.7);
  });

  test('goes down to one where no lane helps', () => {
    const wanted = run(600, { rate: () => 10 * MiB });
    expect(wanted.findLast((n) => n === 6)).toBe(6);
    expect(share(wanted.slice(300), 1)).toBeGreaterThan(0.7);
    expect(Math.max(...wanted.slice(300))).toBeLessThanOrEqual(2);
  });

  test('finds where more do not help any more', () => {
    const wanted = run(600, { rate: (n) => Math.min(n, 3) * MiB });
    expect(share(wanted.slice(100), 3)).toBeGreaterThan(0.6);
  });

  test('holds where each lane helps a little, in spite of noise', () => {
    const random = randomOf(1);
    const wanted = run(1_200, { rate: (n) => MiB * (10 + n) * (0.98 + 0.04 * random()) });
    expect(wanted.reduce((sum, n) => sum + n, 0) / wanted.length).toBeGreaterThan(4);
  });

  test('is not judged by a pause in the middle of a try', () => {
    // A try begins after 15 + 3 s; nothing moves for a while right then.
    const wanted = run(40, {
      rate: (n) => n * MiB,
      toCome: (second) => (second >= 19 && second < 24 ? 0 : 1_000 * MiB),
    });
    expect(wanted[18]).toBe(3);
    expect(new Set(wanted.slice(20))).toEqual(new Set([6]));
  });

  test('is one again when nothing came for ten seconds, and begins anew with the next file', () => {
    const wanted = run(40, {
      rate: (n) => n * MiB,
      toCome: (second) => (second >= 5 && second < 20 ? 0 : 1_000 * MiB),
    });
    expect([wanted[4], wanted[14], wanted[15], wanted[19], wanted[20]]).toEqual([6, 6, 1, 1, 6]);
  });
});
