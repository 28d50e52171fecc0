// The SHA-256 of each of a file's pieces, in one block of memory: 32 bytes a piece, zeros where it is not known. As it is
// hashed into a root, told in `have`, and kept beside a partial file.

import { type Bytes } from './bytes.ts';

export const HASH_BYTES = 32;

export class HashList {
  readonly bytes: Bytes;

  /** For `pieces` pieces: what `known` holds of them, the rest unknown. */
  constructor(pieces: number, known?: Uint8Array) {
    this.bytes = new Uint8Array(pieces * HASH_BYTES);
    if (known) this.bytes.set(known.subarray(0, this.bytes.length));
  }

  /** A view of one hash; zeros when it is not known. */
  at(piece: number): Bytes {
    return this.bytes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES);
  }

  has(piece: number): boolean {
    return this.at(piece).some((byte) => byte !== 0);
  }

  set(piece: number, hash: Uint8Array): void {
    this.bytes.set(hash, piece * HASH_BYTES);
  }

  forget(piece: number): void {
    this.at(piece).fill(0);
  }

  /** The pieces whose hash is known, in order. */
  *known(): Iterable<number> {
    for (let piece = 0; piece * HASH_BYTES < this.bytes.length; piece++) if (this.has(piece)) yield piece;
  }
}
