// Time that only tests let pass: what was put off happens in the order of its time, one thing after the other, and the
// same seed makes the same run.

import { createHash } from 'node:crypto';
import { vi } from 'vitest';
import { randomOf } from './noise.ts';

interface Planned {
  readonly atMs: number;
  readonly then: () => void;
}

export class Scheduler {
  readonly #random: () => number;
  readonly #planned: Planned[] = [];
  #nowMs = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A while of up to `maxMs`, as chance has it. */
  upTo(maxMs: number): number {
    return this.#random() * maxMs;
  }

  /** Plans something; of two things at one time, the one planned first goes first. */
  at(atMs: number, then: () => void): void {
    const behind = this.#planned.findLastIndex((planned) => planned.atMs <= atMs);
    this.#planned.splice(behind + 1, 0, { atMs, then });
  }

  after(ms: number, then: () => void): void {
    this.at(this.#nowMs + ms, then);
  }

  /** Resolves after a while of up to `maxMs`. */
  pause(maxMs: number): Promise<void> {
    return new Promise((resolve) => this.after(this.upTo(maxMs), resolve));
  }

  /** Lets time pass until nothing is planned any more. `looked` runs after each thing and all that came of it at once. */
  async run(looked: () => void = () => undefined): Promise<void> {
    await settle();
    for (let next = this.#planned.shift(); next; next = this.#planned.shift()) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.then();
      await settle();
      looked();
    }
  }
}

/** Waits until every promise that can settle by itself has. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Hashes without leaving the thread, so that no run depends on how long one takes. Undone by vi.restoreAllMocks(). */
export function hashInStep(): void {
  vi.spyOn(crypto.subtle, 'digest').mockImplementation((_algorithm, data) => {
    const view = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    return Promise.resolve(new Uint8Array(createHash('sha256').update(view).digest()).buffer);
  });
}
