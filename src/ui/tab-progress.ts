// How far everything on its way has come, for the tab of a page that is behind others: in its title and as its icon. No
// names: a title is read over shoulders and kept in histories.

import type { RoomView } from '../room/views.ts';

/** Whole percent of all bytes on their way both ways; undefined when nothing is. What is paused stands still and counts. */
export function percentOf({ incoming, outgoing }: Pick<RoomView, 'incoming' | 'outgoing'>): number | undefined {
  const ours = outgoing.flatMap(({ size, deliveries }) =>
    deliveries.map(({ state, bytes }) => ({ state, bytes, size })),
  );
  const moving = [...incoming, ...ours].filter(({ state }) => ['receiving', 'sending', 'paused'].includes(state));
  const total = moving.reduce((sum, { size }) => sum + size, 0);
  if (!total) return undefined;
  return Math.floor((100 * moving.reduce((sum, { bytes }) => sum + bytes, 0)) / total);
}

/** A ring that fills, as the address of a picture. `percent` in steps of five: a tab shows no more, and each costs. */
export function ringIcon(percent: number): string {
  const around = 2 * Math.PI * 12;
  const done = (around * (percent - (percent % 5))) / 100;
  const circle = (color: string, dash: string) =>
    `<circle cx="16" cy="16" r="12" fill="none" stroke="${color}" stroke-width="7" stroke-dasharray="${dash}" transform="rotate(-90 16 16)"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${circle('#b9b3a8', 'none')}${circle('#c2410c', `${done.toFixed(1)} 99`)}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
