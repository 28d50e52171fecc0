// A partial file: its bytes, and beside it the hashes of the pieces that were whole, 32 bytes at 32 × the piece's number,
// each written after its piece.

import { equal, sha256, type Bytes } from '../protocol/bytes.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';

export const STAGING = 'staging';
export const PARTIALS = 'partials';
export const SIDECAR = '.hashes';
/** Beside a partial file, or in the folder of a page: a download of it began when this was last written to. */
export const SAVED = '.saved';

/** Of the noted pieces those whose bytes still have the noted hash. `read` fills as much as there is and says how much. */
export async function heldPieces(
  noted: HashList,
  size: number,
  pieceBytes: number,
  read: (bytes: Bytes, at: number) => number,
): Promise<HashList> {
  const held = new HashList(noted.bytes.length / HASH_BYTES, noted.bytes);
  const memory = new Uint8Array(pieceBytes);
  for (const piece of noted.known()) {
    const at = piece * pieceBytes;
    const bytes = memory.subarray(0, Math.min(pieceBytes, size - at));
    const whole = read(bytes, at) === bytes.length && equal(await sha256(bytes), held.at(piece));
    if (!whole) held.forget(piece);
  }
  return held;
}

/** How many bytes of a partial file seem to be here, by its hashes alone; 0 when there is none. Runs in the page. */
export async function partialBytes(name: string, pieces: number, pieceBytes: number, size: number): Promise<number> {
  try {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(PARTIALS);
    const file = await (await folder.getFileHandle(name + SIDECAR)).getFile();
    const noted = new HashList(pieces, new Uint8Array(await file.slice(0, pieces * HASH_BYTES).arrayBuffer()));
    return [...noted.known()].reduce((sum, piece) => sum + Math.min(pieceBytes, size - piece * pieceBytes), 0);
  } catch {
    // Swept, or a browser without such storage.
    return 0;
  }
}
