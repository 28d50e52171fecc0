import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBucket } from './flow.ts';

const taken = (bucket: TokenBucket, tries: number, nowMs: number) =>
  Array.from({ length: tries }, () => bucket.take(nowMs)).filter(Boolean).length;

test('a full bucket gives its burst at once, and then nothing', () => {
  expect(taken(new TokenBucket(20, 100, 5_000), 150, 5_000)).toBe(100);
});

test('an empty bucket fills by its rate', () => {
  const bucket = new TokenBucket(20, 100, 0);
  taken(bucket, 100, 0);
  expect(taken(bucket, 5, 49)).toBe(0);
  expect(taken(bucket, 5, 50)).toBe(1);
  expect(taken(bucket, 50, 1_050)).toBe(20);
});

test('a bucket never holds more than its burst', () => {
  const bucket = new TokenBucket(20, 100, 0);
  expect(taken(bucket, 300, 3_600_000)).toBe(100);
});

test('it never gives more than its rate, and the wait it names is enough', () => {
  const rates = fc.constantFrom(1, 3, 7, 16, 20, 1_000);
  const moves = fc.array(fc.record({ tries: fc.nat(12), restMs: fc.oneof(fc.nat(300), fc.constant('wait' as const)) }));
  const enough = fc.property(rates, fc.integer({ min: 1, max: 10 }), moves, (perSecond, burst, list) => {
    let nowMs = 0;
    let given = 0;
    const bucket = new TokenBucket(perSecond, burst, nowMs);
    for (const { tries, restMs } of list) {
      given += taken(bucket, tries, nowMs);
      expect(given).toBeLessThanOrEqual(burst + (nowMs * perSecond) / 1000 + 1e-6);
      const waitMs = bucket.waitMs(nowMs);
      // A millisecond for what rounding took; timers are later than that.
      nowMs += restMs === 'wait' ? waitMs + 1 : restMs;
      if (restMs !== 'wait') continue;
      expect(bucket.take(nowMs)).toBe(true);
      given++;
    }
  });
  fc.assert(enough, { numRuns: 2_000 });
});
