// Writes what happened to files into the activity log, many at a time: thousands of files end within seconds.

import { activityLog, type Note } from './records.ts';

const GATHER_MS = 500;
/** What is written in one go keeps the page from answering. */
const MAX_WRITTEN = 25;

export class ActivityWriter {
  #waiting: Note[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  add(note: Note): void {
    this.#waiting.push(note);
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** Writes what waits. Where nothing can be kept, nothing is. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  /** The page may be gone in a moment: all of it in one go, however long that takes. */
  hurry(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const notes = this.#waiting.splice(0);
    if (notes.length) void activityLog.add(notes).catch(() => undefined);
  }

  async #write(): Promise<void> {
    while (this.#waiting.length) await activityLog.add(this.#waiting.splice(0, MAX_WRITTEN)).catch(() => undefined);
  }
}
