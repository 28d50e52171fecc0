// What a sender reads, from bytes that are at hand.

import type { Bytes } from '../protocol/bytes.ts';
import { sha256 } from '../protocol/bytes.ts';
import type { SourcePiece } from '../transfer/sending-lane.ts';

/** These bytes, read and hashed, with nothing to let go of. */
export async function pieceOf(
  bytes: Bytes | Promise<Bytes>,
  hash: (bytes: Bytes) => Promise<Bytes> = sha256,
): Promise<SourcePiece> {
  const read = await bytes;
  return { bytes: read, hash: await hash(read), release: () => undefined };
}
