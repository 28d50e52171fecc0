// How fast a lane brings what it was asked for. Idle time does not count.

const SPAN_MS = 2_000;
const MIN_SPAN_MS = 100;

/** Times are monotonic milliseconds. */
export class LaneRate {
  #since = 0;
  #bytes = 0;
  #idleSince: number | undefined = 0;

  /** Something is asked for. */
  busy(now: number): void {
    if (this.#idleSince !== undefined) this.#since += now - this.#idleSince;
    this.#idleSince = undefined;
  }

  /** Nothing is asked for any more. */
  idle(now: number): void {
    this.#idleSince ??= now;
  }

  add(now: number, bytes: number): void {
    this.#bytes += bytes;
    // What was long ago counts half as much.
    if (this.#elapsed(now) < 2 * SPAN_MS) return;
    this.#since += SPAN_MS;
    this.#bytes /= 2;
  }

  /** Undefined until there is enough to say. */
  bytesPerSecond(now: number): number | undefined {
    const elapsed = this.#elapsed(now);
    return elapsed < MIN_SPAN_MS || !this.#bytes ? undefined : (this.#bytes * 1000) / elapsed;
  }

  #elapsed(now: number): number {
    return (this.#idleSince ?? now) - this.#since;
  }
}
