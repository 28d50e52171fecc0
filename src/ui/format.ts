// Numbers as people read them.

import type { PausedBy } from '../room/paused.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** `1.5 MB`: decimal units, as operating systems show file sizes. */
export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? whole.format(value) : tenths.format(value)} ${UNITS[unit] ?? ''}`;
}

/** Whole percent of `part` in `size`; an empty file is done as soon as it starts. 100 is only said when it is all. */
export function percent(part: number, size: number): number {
  return size === 0 || part >= size ? 100 : Math.floor((part / size) * 100);
}

/** `12 s left`, `3 min left`, `2 h left`; empty when it cannot be said. */
export function timeLeft(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '';
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min left`;
  return `${tenths.format(seconds / 3_600)} h left`;
}

/** `12.3 MB/s · 4 s left`, as much of it as is known. */
export function pace(bytesPerSecond: number | undefined, secondsLeft: number | undefined): string {
  if (!bytesPerSecond) return '';
  return [`${bytes(bytesPerSecond)}/s`, timeLeft(secondsLeft)].filter(Boolean).join(' · ');
}

/** `1 file`, `3 files`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${whole.format(n)} ${n === 1 ? one : many}`;
}

/** How long a room is open still. */
export function hoursLeft(seconds: number): string {
  if (seconds <= 0) return 'This room has expired: nobody new comes in.';
  const [amount, unit] = seconds < 5400 ? [Math.ceil(seconds / 60), 'minute'] : [Math.round(seconds / 3600), 'hour'];
  return `The link works for ${count(amount, unit)} more.`;
}

/** Who has paused a transfer, in words. */
export function pausedBy({ us, them }: PausedBy, person: string): string {
  if (us) return them ? 'paused by both of you' : 'paused';
  return `${person} paused this`;
}

const moments = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

/** `Nov 21, 2026, 9:45 PM`, of milliseconds since 1970. */
export function moment(at: number): string {
  return moments.format(at);
}
