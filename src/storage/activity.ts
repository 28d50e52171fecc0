// Writes what happened to files into the activity log, many at a time: thousands of files end within seconds.

import { activityLog, type Note } from './records.ts';

const GATHER_MS = 500;

export class ActivityWriter {
  #waiting: Note[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  add(note: Note): void {
    this.#waiting.push(note);
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** Writes what waits. Where nothing can be kept, nothing is. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const notes = this.#waiting.splice(0);
    if (notes.length) await activityLog.add(notes).catch(() => undefined);
  }
}
