import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateMeter } from './rate.ts';

function meterOf(...samples: readonly (readonly [at: number, bytes: number])[]): RateMeter {
  const meter = new RateMeter();
  for (const [at, bytes] of samples) meter.add(at, bytes);
  return meter;
}

test('nothing is said before there is enough to say', () => {
  expect(meterOf().bytesPerSecond(0)).toBeUndefined();
  expect(meterOf([0, 5]).bytesPerSecond(0)).toBeUndefined();
  expect(meterOf([0, 0], [399, 1_000]).bytesPerSecond(399)).toBeUndefined();
  expect(meterOf([0, 0], [399, 1_000]).secondsLeft(10_000, 399)).toBeUndefined();
});

test('a steady counter has its speed, and the time that is left', () => {
  const meter = meterOf([1_000, 0], [1_200, 200], [1_400, 400]);
  expect(meter.bytesPerSecond(1_400)).toBe(1_000);
  expect(meter.secondsLeft(2_400, 1_400)).toBe(2);
  expect(meter.secondsLeft(400, 1_400)).toBe(0);
  // Between two reports nothing jumps.
  expect(meter.bytesPerSecond(2_300)).toBe(1_000);
});

test('a counter that stands still has no time left to tell', () => {
  const meter = meterOf([0, 100], [1_000, 100]);
  expect(meter.bytesPerSecond(1_000)).toBe(0);
  expect(meter.secondsLeft(200, 1_000)).toBeUndefined();
});

test('a counter nobody reports any more slows down and comes to a stop', () => {
  const meter = meterOf([0, 0], [1_000, 1_000], [2_000, 2_000]);
  expect(meter.bytesPerSecond(4_000)).toBe(500);
  expect(meter.bytesPerSecond(6_500)).toBe(0);
  expect(meter.secondsLeft(9_000, 6_500)).toBeUndefined();
});

test('what was more than four seconds ago is forgotten', () => {
  const meter = meterOf([0, 0], [1_000, 1_000_000], [2_000, 1_000_100], [5_000, 1_000_400]);
  expect(meter.bytesPerSecond(5_000)).toBe(100);
});

test('speed is never over the fastest nor under the slowest there was', () => {
  const steps = fc.array(fc.record({ ms: fc.integer({ min: 1, max: 2_000 }), bytes: fc.nat(1_000_000) }), {
    minLength: 1,
  });
  const between = fc.property(steps, (list) => {
    const meter = new RateMeter();
    let [at, bytes] = [0, 0];
    meter.add(at, bytes);
    for (const step of list) meter.add((at += step.ms), (bytes += step.bytes));
    const speeds = list.map((step) => (step.bytes * 1000) / step.ms);
    const speed = meter.bytesPerSecond(at) ?? speeds[0] ?? 0;
    expect(speed).toBeLessThanOrEqual(Math.max(...speeds) * (1 + 1e-9));
    expect(speed).toBeGreaterThanOrEqual(Math.min(...speeds) * (1 - 1e-9));
  });
  fc.assert(between);
});
