import { expect, test } from 'vitest';
import { Recent } from './recent.ts';

test('what happened is forgotten after its time, and not before', () => {
  const recent = new Recent(1_000);
  recent.add(2, 0);
  recent.add(0, 10);
  recent.add(3, 500);
  expect([0, 999, 1_000, 1_499, 1_500].map((now) => recent.count(now))).toEqual([5, 5, 3, 3, 0]);
});
