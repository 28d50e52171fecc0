// The receiver's window: how many bytes may be asked for and not yet be whole. Because nothing comes unasked, it is the
// only flow control there is, and the bound on the receiver's memory.

import { MiB } from '../protocol/limits.ts';

/** Eight small pieces: room for one to be hashed and written while others travel. Chosen, not yet measured. */
const WINDOW_BYTES = 8 * MiB;

/** Window for one of a link's lanes, in bytes: never less than two pieces, so that one can travel while the next is asked for. */
export function windowBytes(pieceBytes: number, lanes = 1): number {
  return Math.max(WINDOW_BYTES / lanes, 2 * pieceBytes);
}
