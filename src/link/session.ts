// What a link's signed messages are bound to: one handshake, and the keys it proved.

import { concat, context, type Bytes } from '../protocol/bytes.ts';
import type { SignedType } from '../protocol/messages.ts';
import { verify } from '../identity/ed25519.ts';
import type { Authenticated } from '../identity/handshake.ts';
import type { OwnKey } from '../identity/keys.ts';

export interface Session {
  /** The transcript hash of the handshake, 32 bytes. */
  readonly th: Bytes;
  sign(type: SignedType, json: Bytes): Promise<Bytes>;
  verify(type: SignedType, json: Bytes, signature: Bytes): boolean;
}

/** The session of a handshake: sig = Ed25519(key, CTX(type) ‖ th ‖ JSON bytes). */
export function sessionOf({ th, theirKey }: Authenticated, own: OwnKey): Session {
  return {
    th,
    sign: (type, json) => own.sign(concat(context(type), th, json)),
    verify: (type, json, signature) => verify(theirKey, concat(context(type), th, json), signature),
  };
}
