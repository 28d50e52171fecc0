import { expect, test } from 'vitest';
import type { IncomingView, OutgoingView } from '../room/views.ts';
import { percentOf, ringIcon } from './tab-progress.ts';

const incoming = (state: string, bytes: number, size: number) => ({ state, bytes, size }) as IncomingView;
const outgoing = (size: number, ...deliveries: [state: string, bytes: number][]) =>
  ({ size, deliveries: deliveries.map(([state, bytes]) => ({ state, bytes })) }) as unknown as OutgoingView;

test.each([
  [[], [], undefined],
  [[incoming('offered', 0, 9), incoming('verified', 9, 9)], [outgoing(9, ['verified', 9])], undefined],
  [[incoming('receiving', 1, 3)], [], 33],
  [[incoming('receiving', 0, 10), incoming('paused', 10, 10)], [], 50],
  [[], [outgoing(10, ['sending', 5], ['paused', 0], ['offered', 0])], 25],
  [[incoming('receiving', 999, 1_000)], [], 99],
  [[incoming('receiving', 0, 0)], [], undefined],
])('what is on its way is so far: %#', (coming, going, percent) => {
  expect(percentOf({ incoming: coming, outgoing: going })).toBe(percent);
});

test('the icon is the same for what looks the same', () => {
  expect(ringIcon(41)).toBe(ringIcon(44));
  expect(ringIcon(44)).not.toBe(ringIcon(45));
});
