// Reads a verified file through the scanners, once for all of them, a bit at a time and not for ever.

import type { Scanner } from '../safety/scanner.ts';

const STEP_BYTES = 1024 * 1024;
const LEAST_MS = 10_000;
/** A disk and a scanner slower than this together are not waited for. */
const BYTES_PER_MS = 10_000;
const TOO_LONG = 'It could not be looked through in time.';
const UNREADABLE = 'It could not be read to be looked through.';

/** How long a file of so many bytes may take, milliseconds. */
export const scanLimitMs = (size: number): number => LEAST_MS + size / BYTES_PER_MS;

/** Whether any of them would look at a file of so many bytes. */
export const isWanted = (scanners: readonly Scanner[], size: number): boolean =>
  scanners.some(({ wants }) => wants(size));

/** One file after the other, over all links of a page: each has the whole of its time for itself. */
export class ScanQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** As `scan`, when those before it are through. */
  scan(file: Blob, scanners: readonly Scanner[], now: () => number): Promise<string[]> {
    const found = this.#last.then(() => scan(file, scanners, now));
    this.#last = found;
    return found;
  }
}

/**
 * What the scanners found, a sentence each; empty when nothing was. A file that takes too long or cannot be read is one
 * that nobody has cleared, and says so. `now`: monotonic milliseconds.
 */
export async function scan(file: Blob, scanners: readonly Scanner[], now: () => number): Promise<string[]> {
  const untilMs = now() + scanLimitMs(file.size);
  try {
    const scans = scanners.filter(({ wants }) => wants(file.size)).map(({ begin }) => begin(file.size));
    for (let at = 0; scans.length > 0 && at < file.size; at += STEP_BYTES) {
      if (now() > untilMs) return [TOO_LONG];
      const bytes = new Uint8Array(await file.slice(at, at + STEP_BYTES).arrayBuffer());
      for (const { add } of scans) add(bytes);
    }
    return scans.flatMap(({ end }) => end() ?? []);
  } catch {
    return [UNREADABLE];
  }
}
