// What offers and deliveries need of a person: somebody to send to, and the link their files travel on.

import type { Message } from '../protocol/messages.ts';
import type { Bytes } from '../protocol/bytes.ts';
import type { Failure } from '../protocol/failure.ts';

export interface PersonChannel {
  readonly peer: string;
  readonly link: number;
  /** The session's transcript hash: what offers are hashed with. */
  readonly th: Bytes;
  send(message: Message): void;
  /** They broke the protocol: the link ends. */
  fail(failure: Failure): void;
}
