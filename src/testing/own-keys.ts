// Keys that are the same in every run, and handshakes that need no other thread: what is met in tests of who is who.

import { createHmac } from 'node:crypto';
import { vi } from 'vitest';
import { toBase64url, type Bytes } from '../protocol/bytes.ts';
import { keyFromSeed } from '../identity/ed25519.ts';
import type { OwnKey } from '../identity/keys.ts';

/** The key of this seed, 32 bytes or one byte that fills it. */
export function ownKey(seed: Bytes | number): OwnKey & { readonly text: string } {
  const { publicKey, sign } = keyFromSeed(typeof seed === 'number' ? new Uint8Array(32).fill(seed) : seed);
  return { publicKey, text: toBase64url(publicKey), sign: (message) => Promise.resolve(sign(message)) };
}

/** MACs made without leaving the thread, as hashInStep does with hashes. Undone by vi.restoreAllMocks(). */
export function macInStep(): void {
  const bytesOf = (data: BufferSource) =>
    ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
  const secrets = new WeakMap<CryptoKey, Uint8Array>();
  vi.spyOn(crypto.subtle, 'importKey').mockImplementation((_format: string, key: BufferSource | JsonWebKey) => {
    const handle = { type: 'secret' } as CryptoKey;
    secrets.set(handle, bytesOf(key as BufferSource).slice());
    return Promise.resolve(handle);
  });
  vi.spyOn(crypto.subtle, 'sign').mockImplementation((_algorithm, key, data) => {
    const secret = secrets.get(key);
    if (!secret) throw new Error('only MACs are made in step');
    return Promise.resolve(new Uint8Array(createHmac('sha256', secret).update(bytesOf(data)).digest()).buffer);
  });
}
