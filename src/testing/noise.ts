// Bytes that look random and are the same in every run.

import type { Bytes } from '../protocol/bytes.ts';
import { MiB } from '../protocol/limits.ts';

/** A generator of numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MAX_NOISE_BYTES = 8 * MiB;
let made: Bytes | undefined;

/** `length` bytes of noise (8 MiB at most); another `from` gives others. Views of one buffer: not to be written to. */
export function noise(length: number, from = 0): Bytes {
  if (!made) {
    const next = randomOf(1);
    made = new Uint8Array(Uint32Array.from({ length: MAX_NOISE_BYTES / 4 }, () => next() * 2 ** 32).buffer);
  }
  const start = from % (MAX_NOISE_BYTES - length + 1);
  return made.subarray(start, start + length);
}
