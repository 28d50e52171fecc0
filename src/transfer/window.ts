// The receiver's window: how many bytes may be asked for and not yet be staged. Because nothing comes unasked, it is the
// only flow control there is, and the bound on the receiver's memory.

import { MAX_WINDOWS_BYTES, MiB } from '../protocol/limits.ts';

/** Eight small pieces: room for one to be hashed and written while others travel. */
const WINDOW_BYTES = 8 * MiB;

/** Window for one of a link's lanes, in bytes: never less than two pieces, so that one can travel while the next is asked for. */
export function windowBytes(pieceBytes: number, lanes = 1): number {
  return Math.max(WINDOW_BYTES / lanes, 2 * pieceBytes);
}

/** What all links of a page together have asked for and not yet staged. */
export class PageWindow {
  readonly links = new Set<{ readonly heldBytes: number }>();

  /** Whether a link that has `own` bytes of it may ask for `length` more: always for its first piece, so that none starves. */
  hasRoom(own: number, length: number): boolean {
    if (own === 0) return true;
    const all = [...this.links].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
    return all + length <= MAX_WINDOWS_BYTES;
  }
}
