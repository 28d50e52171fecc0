// How many of something happened lately. Without a clock of its own.

export class Recent {
  readonly #withinMs: number;
  #happened: { readonly atMs: number; readonly count: number }[] = [];

  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  add(count: number, nowMs: number): void {
    if (count) this.#happened.push({ atMs: nowMs, count });
  }

  /** How many within that time before `nowMs`, any monotonic time. */
  count(nowMs: number): number {
    this.#happened = this.#happened.filter(({ atMs }) => nowMs - atMs < this.#withinMs);
    return this.#happened.reduce((sum, { count }) => sum + count, 0);
  }
}
