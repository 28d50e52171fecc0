// Collects items for one message: at once when nothing else is on its way, else at most 250 ms together.

const MAX_WAIT_MS = 250;
const MAX_ITEMS = 512;

export class Batcher<T> {
  readonly #send: (items: T[]) => void;
  #items: T[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (items: T[]) => void) {
    this.#send = send;
  }

  /** `alone`: nothing else is in flight that could fill the batch. */
  add(item: T, alone: boolean): void {
    this.#items.push(item);
    if (alone || this.#items.length >= MAX_ITEMS) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), MAX_WAIT_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#send(this.#items.splice(0));
  }
}

/** `items` in runs of at most `size`. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  const runs: T[][] = [];
  for (let at = 0; at < items.length; at += size) runs.push(items.slice(at, at + size));
  return runs;
}
