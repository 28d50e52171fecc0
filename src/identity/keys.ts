// This browser's own Ed25519 key: made on first use, kept where scripts can use it and never read it. Where the browser
// makes such keys itself it is a non-extractable WebCrypto key; elsewhere a seed that lies wrapped by a non-extractable
// AES-GCM key and is opened only to sign. Where it is kept is handed in.

import { randomBytes, type Bytes } from '../protocol/bytes.ts';
import { keyFromSeed } from './ed25519.ts';

export interface OwnKey {
  /** 32 bytes. */
  readonly publicKey: Bytes;
  /** 64 bytes of Ed25519 over `message`. */
  sign(message: Bytes): Promise<Bytes>;
}

/** What is kept of a key: handles to keys that cannot be read, and bytes that say nothing without them. */
export type KeyRecord =
  | { readonly kind: 'native'; readonly publicKey: Bytes; readonly privateKey: CryptoKey }
  | {
      readonly kind: 'wrapped';
      readonly publicKey: Bytes;
      readonly wrappingKey: CryptoKey;
      readonly iv: Bytes;
      readonly wrapped: Bytes;
    };

/** Where the key is kept. Every method may reject: the store may be blocked or full. */
export interface KeyStore {
  load(): Promise<KeyRecord | undefined>;
  save(record: KeyRecord): Promise<void>;
  /** Runs one at a time in all tabs of this browser. */
  exclusively<T>(action: () => Promise<T>): Promise<T>;
}

/** This browser's key. `kept` is false when it could not be stored and lives only as long as the page. */
export function openOwnKey(store: KeyStore): Promise<{ readonly key: OwnKey; readonly kept: boolean }> {
  return store.exclusively(async () => {
    let known: KeyRecord | undefined;
    try {
      known = await store.load();
      if (known) return { key: await useKey(known), kept: true };
    } catch {
      // Blocked, or not one of our records any more: a key for this page then. What is there is not overwritten.
      return { key: await useKey(await newKey()), kept: false };
    }
    const made = await newKey();
    // Some browsers make native keys and cannot store them: those can store the wrapped kind.
    for (const make of [() => made, () => wrapSeed(randomBytes(32))]) {
      try {
        const record = await make();
        await store.save(record);
        return { key: await useKey(record), kept: true };
      } catch {
        // Blocked or full: nothing more to try after the second.
      }
    }
    return { key: await useKey(made), kept: false };
  });
}

/** A new key, native where the browser has Ed25519 and can keep it, else wrapped. */
export async function newKey(): Promise<KeyRecord> {
  try {
    const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    return { kind: 'native', publicKey, privateKey: pair.privateKey };
  } catch {
    return wrapSeed(randomBytes(32));
  }
}

async function wrapSeed(seed: Bytes): Promise<KeyRecord> {
  const { publicKey } = keyFromSeed(seed);
  const wrappingKey = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = randomBytes(12);
  const wrapped = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, wrappingKey, seed));
  seed.fill(0);
  return { kind: 'wrapped', publicKey, wrappingKey, iv, wrapped };
}

/** A kept key, ready to sign. Rejects when the record is not one of ours. */
export async function useKey(record: KeyRecord): Promise<OwnKey> {
  const { publicKey } = record;
  if (record.kind === 'native') {
    const { privateKey } = record;
    return {
      publicKey,
      sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message)),
    };
  }
  const { wrappingKey, iv, wrapped } = record;
  const open = async () => new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, wrappingKey, wrapped));
  (await open()).fill(0);
  return {
    publicKey,
    sign: async (message) => {
      const seed = await open();
      const signature = keyFromSeed(seed).sign(message);
      seed.fill(0);
      return signature;
    },
  };
}
