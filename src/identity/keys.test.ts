import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { toHex, utf8, type Bytes } from '../protocol/bytes.ts';
import { isPublicKey, verify } from './ed25519.ts';
import { newKey, openOwnKey, useKey, type KeyRecord, type KeyStore } from './keys.ts';

const message = utf8('what is signed');

/** One browser's store: it keeps what a browser would keep, copies and not the objects themselves. */
class MemoryKeyStore implements KeyStore {
  kept: KeyRecord | undefined;
  saves = 0;
  #turn: Promise<unknown> = Promise.resolve();

  async load(): Promise<KeyRecord | undefined> {
    await Promise.resolve();
    return structuredClone(this.kept);
  }

  async save(record: KeyRecord): Promise<void> {
    await Promise.resolve();
    this.saves++;
    this.kept = structuredClone(record);
  }

  exclusively<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(action);
    this.#turn = run.catch(() => undefined);
    return run;
  }
}

const blocked = (): Promise<never> => Promise.reject(new DOMException('blocked', 'SecurityError'));

/** What getRandomValues gave since this was called, as it was then: seeds are wiped afterwards. */
function listenForSeeds(): Bytes[] {
  const drawn: Bytes[] = [];
  const original = crypto.getRandomValues.bind(crypto);
  vi.spyOn(crypto, 'getRandomValues').mockImplementation((into) => {
    const given = original(into);
    if (given instanceof Uint8Array) drawn.push(new Uint8Array(given));
    return given;
  });
  return drawn;
}

/** A browser that makes no Ed25519 keys. */
function withoutEd25519(): void {
  const original = crypto.subtle.generateKey.bind(crypto.subtle) as (...all: unknown[]) => Promise<CryptoKey>;
  vi.spyOn(crypto.subtle, 'generateKey').mockImplementation(((algorithm: unknown, ...rest: unknown[]) =>
    algorithm === 'Ed25519'
      ? Promise.reject(new DOMException('no such algorithm', 'NotSupportedError'))
      : original(algorithm, ...rest)) as never);
}

/** Every byte of a record a script can get at. */
async function readable(record: KeyRecord): Promise<string> {
  const parts: string[] = [];
  for (const field of Object.values(record)) {
    if (field instanceof Uint8Array) parts.push(toHex(field));
    else if (field instanceof CryptoKey) {
      const formats = ['raw', 'pkcs8', 'jwk'] as const;
      for (const format of formats) {
        const exported = await crypto.subtle.exportKey(format as 'raw', field).catch(() => undefined);
        if (exported) parts.push(toHex(new Uint8Array(exported)));
      }
    }
  }
  return parts.join(' ');
}

afterEach(() => vi.restoreAllMocks());

describe.each([
  ['native', (): void => undefined],
  ['wrapped', withoutEd25519],
] as const)('a %s key', (kind, browser) => {
  beforeEach(browser);

  test('is made once and kept', async () => {
    const store = new MemoryKeyStore();
    const { key, kept } = await openOwnKey(store);
    expect([kept, store.kept?.kind, store.saves]).toEqual([true, kind, 1]);
    expect(isPublicKey(key.publicKey)).toBe(true);
    await openOwnKey(store);
    expect(store.saves).toBe(1);
  });

  test('is the same after a reload, and signs as it did', async () => {
    const store = new MemoryKeyStore();
    const before = await openOwnKey(store);
    const after = await openOwnKey(store);
    expect(after.kept).toBe(true);
    expect(after.key.publicKey).toEqual(before.key.publicKey);
    // Ed25519 signatures are the same for the same key and message.
    expect(await after.key.sign(message)).toEqual(await before.key.sign(message));
  });

  test('makes signatures that everybody can check, again and again', async () => {
    const key = await useKey(await newKey());
    for (const text of ['', 'a', 'b'.repeat(1_000)]) {
      const signature = await key.sign(utf8(text));
      expect(verify(key.publicKey, utf8(text), signature)).toBe(true);
      expect(verify(key.publicKey, utf8(`${text}!`), signature)).toBe(false);
    }
  });

  test('is one key when two tabs open it at once', async () => {
    const store = new MemoryKeyStore();
    const [one, other] = await Promise.all([openOwnKey(store), openOwnKey(store)]);
    expect(one.key.publicKey).toEqual(other.key.publicKey);
    expect([one.kept, other.kept, store.saves]).toEqual([true, true, 1]);
  });

  test('is another one in another browser', async () => {
    const [one, other] = [await openOwnKey(new MemoryKeyStore()), await openOwnKey(new MemoryKeyStore())];
    expect(one.key.publicKey).not.toEqual(other.key.publicKey);
  });

  test('that cannot be loaded is one for this page, and what is there is not overwritten', async () => {
    const store = new MemoryKeyStore();
    await openOwnKey(store);
    const before = store.kept;
    vi.spyOn(store, 'load').mockImplementation(blocked);
    const { key, kept } = await openOwnKey(store);
    expect([kept, store.saves, store.kept === before]).toEqual([false, 1, true]);
    expect(verify(key.publicKey, message, await key.sign(message))).toBe(true);
  });

  test('that cannot be saved works for as long as the page does', async () => {
    const store = new MemoryKeyStore();
    vi.spyOn(store, 'save').mockImplementation(blocked);
    const { key, kept } = await openOwnKey(store);
    expect(kept).toBe(false);
    expect(verify(key.publicKey, message, await key.sign(message))).toBe(true);
  });

  test('gives no script its secret', async () => {
    const drawn = listenForSeeds();
    const store = new MemoryKeyStore();
    const { key } = await openOwnKey(store);
    await key.sign(message);
    const record = store.kept;
    if (!record) throw new Error('nothing was kept');
    const bytes = await readable(record);
    for (const field of Object.values(record)) if (field instanceof CryptoKey) expect(field.extractable).toBe(false);
    for (const seed of drawn.filter(({ length }) => length >= 32)) expect(bytes).not.toContain(toHex(seed));
    expect(Object.keys(key).toSorted()).toEqual(['publicKey', 'sign']);
  });
});

describe('a wrapped key', () => {
  beforeEach(withoutEd25519);

  test('comes from a seed that is in no record, not even in part', async () => {
    const drawn = listenForSeeds();
    const record = await newKey();
    const [seed] = drawn.filter(({ length }) => length === 32);
    if (!seed) throw new Error('no seed was drawn');
    const bytes = await readable(record);
    // Eight bytes in a row by chance: never.
    for (let at = 0; at + 8 <= seed.length; at++) expect(bytes).not.toContain(toHex(seed.slice(at, at + 8)));
    expect(record.kind === 'wrapped' && record.wrapped.length).toBe(32 + 16);
  });

  test('leaves no seed lying about once it is wrapped', async () => {
    const handed: unknown[] = [];
    const original = crypto.getRandomValues.bind(crypto);
    vi.spyOn(crypto, 'getRandomValues').mockImplementation((into) => {
      handed.push(into);
      return original(into);
    });
    await newKey();
    const seeds = handed.filter((drawn): drawn is Bytes => drawn instanceof Uint8Array && drawn.length === 32);
    expect(seeds.map(toHex)).toEqual([toHex(new Uint8Array(32))]);
  });

  test('is drawn anew with its nonce every time', async () => {
    const [one, other] = [await newKey(), await newKey()];
    if (one.kind !== 'wrapped' || other.kind !== 'wrapped') throw new Error('not wrapped');
    expect(one.iv).toHaveLength(12);
    expect(one.iv).not.toEqual(other.iv);
    expect(one.publicKey).not.toEqual(other.publicKey);
  });

  test('that was tampered with is no key: one for this page is, and nothing is overwritten', async () => {
    const store = new MemoryKeyStore();
    const { key } = await openOwnKey(store);
    const record = store.kept;
    if (record?.kind !== 'wrapped') throw new Error('not wrapped');
    const wrapped = record.wrapped.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    store.kept = { ...record, wrapped };
    await expect(useKey(store.kept)).rejects.toThrow();
    const after = await openOwnKey(store);
    expect([after.kept, store.saves]).toEqual([false, 1]);
    expect(after.key.publicKey).not.toEqual(key.publicKey);
    expect(verify(after.key.publicKey, message, await after.key.sign(message))).toBe(true);
  });
});
