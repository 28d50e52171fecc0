// Speed and time left, over a sliding window so that neither jumps about.

const SPAN_MS = 4_000;
/** Before this much has been seen, a speed would be a guess. */
const MIN_SPAN_MS = 400;

/** Measures one counter of bytes. Times are monotonic milliseconds. */
export class RateMeter {
  readonly #samples: { at: number; bytes: number }[] = [];

  /** The counter stood at `bytes` at time `at`. */
  add(at: number, bytes: number): void {
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) >= SPAN_MS) this.#samples.shift();
  }

  /** Bytes a second over the last 4 s; undefined until there is enough to say. */
  get bytesPerSecond(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < MIN_SPAN_MS) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }

  /** Seconds until `size` at this speed; undefined when that cannot be said. */
  secondsLeft(size: number): number | undefined {
    const rate = this.bytesPerSecond;
    const last = this.#samples.at(-1);
    return rate && last ? (size - last.bytes) / rate : undefined;
  }
}
