// How a file of a given size is cut into pieces (docs/protocol.md §6), and the root that names its content.

import { concat, context, sha256, u64, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MAX_FILE_BYTES, MAX_PIECES, MAX_PIECE_BYTES, MIN_PIECE_BYTES } from '../protocol/limits.ts';

export interface Manifest {
  readonly size: number;
  readonly pieceBytes: number;
  /** How many pieces; 0 for an empty file. */
  readonly pieces: number;
}

/** Pieces of 1 MiB, doubled until there are at most 16,384. Throws Failure('too-large') over 128 GiB. */
export function manifestOf(size: number): Manifest {
  if (size > MAX_FILE_BYTES) throw new Failure('too-large', `${size} bytes`);
  let pieceBytes = MIN_PIECE_BYTES;
  while (size > pieceBytes * MAX_PIECES && pieceBytes < MAX_PIECE_BYTES) pieceBytes *= 2;
  return { size, pieceBytes, pieces: Math.ceil(size / pieceBytes) };
}

/** Bytes of one piece: all full but the last. */
export function pieceLength(manifest: Manifest, piece: number): number {
  return Math.min(manifest.pieceBytes, manifest.size - piece * manifest.pieceBytes);
}

/** SHA-256(CTX("root") ‖ size u64 ‖ the pieces' hashes, in order). */
export function rootOf(size: number, hashes: Bytes): Promise<Bytes> {
  return sha256(concat(context('root'), u64(size), hashes));
}
