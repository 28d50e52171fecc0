// A carrier moves sealed boxes between the peer ids of a room and is trusted with nothing: not to deliver, not to keep
// order, not to tell the truth about who is there.

import type { Failure } from '../protocol/failure.ts';

/** base64url of 16 random bytes made by the page. */
export type PeerId = string;

export interface CarrierEvents {
  /** The room was joined (again); `present` are the others the carrier says are there. */
  joined(present: readonly PeerId[]): void;
  arrived(peer: PeerId): void;
  left(peer: PeerId): void;
  /** `by`: the member who passed it on, when it came in a link. */
  box(from: PeerId, box: Uint8Array<ArrayBuffer>, by?: PeerId): void;
  /** Out of reach for now, and why; it keeps trying by itself. */
  lost(failure: Failure): void;
  /** It gave up, and says why. */
  refused(failure: Failure): void;
}

export interface Carrier {
  send(to: PeerId, box: Uint8Array): void;
  close(): void;
}
