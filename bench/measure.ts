// What every bench needs: sizes from the command line, medians, a file of random bytes.

import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

const UNITS: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** `128MiB` in bytes. Throws for anything else. */
export function parseSize(text: string): number {
  const [, number, unit] = /^(\d+)(KiB|MiB|GiB)$/.exec(text) ?? [];
  const factor = UNITS[unit ?? ''];
  if (!number || !factor) throw new Error(`a size is like 128MiB, not ${text}`);
  return Number(number) * factor;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** Megabytes (10^6) a second. */
export function rate(sizeBytes: number, ms: number): number {
  return round(sizeBytes / 1000 / ms);
}

/** Writes `size` random bytes; one random MiB repeated with a counter, so that large files are quick to make. */
export async function writeRandomFile(path: string, size: number): Promise<void> {
  const block = randomBytes(2 ** 20);
  const out = createWriteStream(path);
  for (let written = 0; written < size; written += block.length) {
    block.writeUInt32BE(written / block.length);
    if (!out.write(Buffer.from(block.subarray(0, size - written)))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}
