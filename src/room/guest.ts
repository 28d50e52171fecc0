// What a meeting is made of: the people at the other ends of proved links, what it is given, what it tells.

import type { Bytes } from '../protocol/bytes.ts';
import type { BoxBody } from '../protocol/dial-signal.ts';
import type { Failure, FailureCode } from '../protocol/failure.ts';
import type { Message } from '../protocol/messages.ts';
import type { OwnKey } from '../identity/keys.ts';
import type { Link } from '../link/link.ts';
import type { PeerId } from '../rendezvous/carrier.ts';
import type { Connection } from '../rendezvous/simple-peer.ts';
import type { Membership } from './membership.ts';

/** Somebody proved, at the other end of a link of their own. */
export interface Guest {
  /** base64url of their public key. */
  readonly key: string;
  readonly peer: PeerId;
  readonly th: Bytes;
  readonly link: Link;
  readonly connection: Connection;
  /** Base64url of the key of the side that dialled. */
  readonly dialledBy: string;
  readonly since: number;
  /** What they call themselves, once they knocked. */
  name: string;
  /** Waiting to be let in. */
  knocking: boolean;
  ready: boolean;
  theirRev: number | undefined;
}

export interface MeetingOptions {
  readonly isHost: boolean;
  readonly self: PeerId;
  readonly name: () => string;
  /** What the host shows to whoever rings; may be empty. */
  readonly doorName: () => string;
  readonly key: OwnKey;
  readonly pin: Bytes;
  readonly roomId: Bytes;
  readonly bindKey: Bytes;
  readonly certificate: RTCCertificate;
  readonly membership: Membership;
  readonly isBlocked: (key: string) => boolean;
  readonly now: () => number;
  readonly dial: (peer: PeerId, abort: AbortSignal) => Promise<Connection>;
  readonly say: (peer: PeerId, body: BoxBody) => void;
  /** Whether somebody could be dialled whom the carrier does not say is there: a member may pass it on. */
  readonly reaches: (peer: PeerId) => boolean;
}

export interface MeetingEvents {
  /** A member's link stands. */
  ready(guest: Guest): void;
  /** Somebody asks to be let in. */
  knocked(guest: Guest): void;
  /** What the name on the door is: the word of whoever answered the ring. */
  door(name: string): void;
  turnedAway(code: FailureCode): void;
  /** A message of a member. */
  message(guest: Guest, message: Message, hash: Bytes | undefined): void | Promise<void>;
  /** A link that stood, or knocked, is over. */
  closed(guest: Guest, failure: Failure | undefined): void;
  /** A dial or handshake of ours came to nothing. */
  failed(peer: PeerId, failure: Failure): void;
  conflict(): void;
  changed(): void;
}
