// Speed and time left, over a sliding window so that neither jumps about.

const SPAN_MS = 4_000;
/** Before this much has been seen, a speed would be a guess. */
const MIN_SPAN_MS = 400;
/** A counter not heard of for longer stands still. Shorter silences are the pace of the reports. */
const STILL_MS = 1_000;

/** Measures one counter of bytes. Times are monotonic milliseconds. */
export class RateMeter {
  readonly #samples: { at: number; bytes: number }[] = [];

  /** The counter stood at `bytes` at time `at`. */
  add(at: number, bytes: number): void {
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) >= SPAN_MS) this.#samples.shift();
  }

  /** Bytes a second over the last 4 s before `now`; undefined until there is enough to say. */
  bytesPerSecond(now: number): number | undefined {
    const last = this.#samples.at(-1);
    if (!last) return undefined;
    const until = now - last.at > STILL_MS ? now : last.at;
    // When it stands still, what it did before goes out of sight.
    const first = this.#samples.find(({ at }) => until - at <= SPAN_MS) ?? last;
    if (until - first.at < MIN_SPAN_MS) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (until - first.at);
  }

  /** Seconds until `size` at this speed; undefined when that cannot be said. */
  secondsLeft(size: number, now: number): number | undefined {
    const rate = this.bytesPerSecond(now);
    const last = this.#samples.at(-1);
    return rate && last ? (size - last.bytes) / rate : undefined;
  }
}
