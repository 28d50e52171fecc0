// The one verifier of Ed25519 signatures, everywhere. tweetnacl and today's browsers accept keys of small order (with key
// 01 00…00 one constant signature fits every message), and tweetnacl signatures whose S is not reduced: what is refused
// here first is what would let two different keys or signatures stand for one, or one signature for everything.

import nacl from 'tweetnacl';
import type { Bytes } from '../protocol/bytes.ts';

export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** 2^255 − 19, and the group's order L (RFC 8032 §5.1). */
const FIELD = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** y of the eight points of small order; their x differs only in its sign. */
const SMALL_ORDER = new Set([
  0n,
  1n,
  FIELD - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
]);

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** Whether 32 bytes encode a point canonically (y below the field's size) that is not of small order. */
function isStrictPoint(bytes: Uint8Array): boolean {
  const y = littleEndian(bytes) & ((1n << 255n) - 1n);
  return y < FIELD && !SMALL_ORDER.has(y);
}

/** Whether this may be somebody's public key: 32 bytes, canonical, not of small order. */
export function isPublicKey(key: Uint8Array): boolean {
  return key.length === PUBLIC_KEY_BYTES && isStrictPoint(key);
}

/**
 * Whether `signature` (64 bytes) is the one `publicKey` (32 bytes) made over `message` (RFC 8032 §5.1.7, and no more than
 * that). Never throws: whatever else it is given is simply no signature.
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isPublicKey(publicKey) || signature.length !== SIGNATURE_BYTES) return false;
  if (!isStrictPoint(signature.subarray(0, 32)) || littleEndian(signature.subarray(32)) >= ORDER) return false;
  return nacl.sign.detached.verify(message, signature, publicKey);
}

/** A key pair of tweetnacl's from its 32-byte seed: the 32-byte public key, and the means to sign. */
export function keyFromSeed(seed: Bytes): { readonly publicKey: Bytes; readonly sign: (message: Bytes) => Bytes } {
  const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(seed);
  return {
    publicKey: new Uint8Array(publicKey),
    sign: (message) => new Uint8Array(nacl.sign.detached(message, secretKey)),
  };
}
