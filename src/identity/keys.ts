// The page's own key. For now a tweetnacl key made for the page and gone with it: it gives the link its host pin, in
// the final format, and proves nothing yet.

import nacl from 'tweetnacl';
import type { Bytes } from '../protocol/bytes.ts';

/** The Ed25519 public key (32 bytes) of a key pair made for this page alone. */
export function newPageKey(): Bytes {
  return new Uint8Array(nacl.sign.keyPair().publicKey);
}
