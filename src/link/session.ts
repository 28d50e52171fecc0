// What a link's messages are bound to. Until links are authenticated there is one session for all: th is 32 zero bytes
// and signatures are 64 zero bytes, in the final wire format; any other signature is refused.

import { equal, type Bytes } from '../protocol/bytes.ts';
import { SIGNATURE_BYTES, type SignedType } from '../protocol/messages.ts';

export interface Session {
  /** The transcript hash of the handshake, 32 bytes. */
  readonly th: Bytes;
  sign(type: SignedType, json: Bytes): Promise<Bytes>;
  verify(type: SignedType, json: Bytes, signature: Bytes): boolean;
}

const noSignature = new Uint8Array(SIGNATURE_BYTES);

/** The session of a link nobody has authenticated. */
export const unauthenticatedSession: Session = {
  th: new Uint8Array(32),
  sign: () => Promise.resolve(noSignature),
  verify: (_type, _json, signature) => equal(signature, noSignature),
};
