// Small records that outlive a page, in this browser's IndexedDB: its key, whom it knows, the rooms it hosts. Every call
// may reject: private windows and full disks have no IndexedDB. What is read back is checked; a record of another shape
// is as good as none.

import { clear, createStore, del, delMany, entries, get, keys, set, setMany } from 'idb-keyval';
import * as v from 'valibot';
import type { KeyRecord, KeyStore } from '../identity/keys.ts';
import type { Known } from '../identity/trust.ts';
import type { Bytes } from '../protocol/bytes.ts';

const DATABASE = 'doorstep';
const IDENTITY = 'identity';
const MEMORY = 'memory';
const DENY_LIST = 'deny-list';
const HOSTED = 'room/';
const PARTIAL = 'partial/';
const DAY_MS = 24 * 60 * 60 * 1000;
const KEPT_MS = 90 * DAY_MS;
const PARTIAL_KEPT_MS = 7 * DAY_MS;

const store = () => createStore(DATABASE, 'records');

const bytes = v.custom<Bytes>((value) => value instanceof Uint8Array && value.buffer instanceof ArrayBuffer);
// Named only when asked: pages without a secure context have no such class, and say so.
const cryptoKey = v.custom<CryptoKey>((value) => value instanceof CryptoKey);
const keyRecord = v.variant('kind', [
  v.strictObject({ kind: v.literal('native'), publicKey: bytes, privateKey: cryptoKey }),
  v.strictObject({ kind: v.literal('wrapped'), publicKey: bytes, wrappingKey: cryptoKey, iv: bytes, wrapped: bytes }),
]);
const known = v.strictObject({
  key: v.string(),
  name: v.string(),
  petname: v.string(),
  state: v.picklist(['known', 'verified', 'blocked']),
});
const memory = v.strictObject({
  ownName: v.string(),
  autoAdmitVerified: v.boolean(),
  // Left out by earlier versions, whose people are not to be forgotten for it.
  relayOnly: v.optional(v.boolean(), false),
  known: v.array(known),
});
const hosted = v.strictObject({
  roster: bytes,
  rules: v.strictObject({ anyone: v.boolean(), oneTime: v.boolean(), doorName: v.string() }),
  expiresAt: v.number(),
  door: v.exactOptional(v.string()),
});

const partial = v.strictObject({
  peer: v.string(),
  path: v.string(),
  size: v.number(),
  modified: v.number(),
  at: v.number(),
});

/** What a partial file is a part of: whose file, and which. `at`: when it was last accepted, milliseconds since 1970. */
export type PartialRecord = Readonly<v.InferOutput<typeof partial>>;

async function read<T extends v.GenericSchema>(name: string, schema: T): Promise<v.InferOutput<T> | undefined> {
  const result = v.safeParse(schema, await get(name, store()));
  return result.success ? result.output : undefined;
}

/** Where this browser's key is kept. One tab at a time looks, so that two of them never make two keys. */
export const keyStore: KeyStore = {
  load: () => read(IDENTITY, keyRecord),
  save: (record: KeyRecord) => set(IDENTITY, record, store()),
  exclusively: (action) => navigator.locks.request('identity', action),
};

/** What a person set and whom they know. */
export const memoryStore = {
  load: () => read(MEMORY, memory),
  save: (value: { ownName: string; autoAdmitVerified: boolean; relayOnly: boolean; known: readonly Known[] }) =>
    set(MEMORY, value, store()),
};

/** SHA-256, in lower-case hex, of files a person does not want. */
export const denyList = {
  load: async () => (await read(DENY_LIST, v.string()))?.split('\n') ?? [],
  /** An empty list is none. */
  save: (hashes: readonly string[]) =>
    hashes.length ? set(DENY_LIST, hashes.join('\n'), store()) : del(DENY_LIST, store()),
};

/** The rooms this browser hosts, until they expire. */
export const hostedRooms = {
  load: (room: string) => read(HOSTED + room, hosted),
  save: (room: string, value: v.InferOutput<typeof hosted>) => set(HOSTED + room, value, store()),
  /** Forgets those that expired long before `now`, milliseconds since 1970: an expired room must stay known as one. */
  async sweep(now: number): Promise<void> {
    for (const [name, value] of await entries<string, unknown>(store())) {
      if (!name.startsWith(HOSTED)) continue;
      const room = v.safeParse(hosted, value);
      if (!room.success || room.output.expiresAt < now - KEPT_MS) await del(name, store());
    }
  },
};

/** The partial files of this browser, by their random names; each is kept for seven days. */
export const partialRecords = {
  async all(now: number): Promise<Map<string, PartialRecord>> {
    const found = new Map<string, PartialRecord>();
    for (const [name, value] of await entries<string, unknown>(store())) {
      if (!name.startsWith(PARTIAL)) continue;
      const record = v.safeParse(partial, value);
      if (record.success && record.output.at > now - PARTIAL_KEPT_MS) {
        found.set(name.slice(PARTIAL.length), record.output);
      } else await del(name, store());
    }
    return found;
  },
  save: (name: string, record: PartialRecord) => set(PARTIAL + name, record, store()),
  remove: (name: string) => del(PARTIAL + name, store()),
};

const text = v.string();
const amount = v.number();
const note = v.strictObject({
  at: amount,
  way: v.picklist(['in', 'out']),
  deed: v.picklist(['offered', 'accepted', 'declined', 'cancelled', 'withdrawn', 'verified', 'saved', 'failed']),
  peer: text,
  who: text,
  path: text,
  size: amount,
  bytes: amount,
  root: v.exactOptional(text),
  failure: v.exactOptional(text),
});

/** What happened to a file, with whom (their key, and what they were called here) and when, milliseconds since 1970. */
export type Note = Readonly<v.InferOutput<typeof note>>;

/** So many are kept, the newest: about 4 MB. */
const MAX_NOTES = 20_000;
const notes = () => createStore(`${DATABASE}-activity`, 'notes');
/** Keys sort as the notes do: by their time, and of one moment by their order. */
const noteKey = (at: number, order: number) => `${String(at).padStart(16, '0')} ${String(order).padStart(8, '0')}`;
let noted = 0;

/** The activity log of this browser. */
export const activityLog = {
  add: async (added: readonly Note[]) =>
    setMany(
      added.map((one) => [noteKey(one.at, noted++), one]),
      notes(),
    ),
  /** Oldest first. */
  async all(): Promise<Note[]> {
    const found = await entries<string, unknown>(notes());
    return found.flatMap(([, value]) => {
      const result = v.safeParse(note, value);
      return result.success ? [result.output] : [];
    });
  },
  clear: async () => clear(notes()),
  /** Forgets the oldest beyond what is kept. */
  async sweep(): Promise<void> {
    const all = await keys<string>(notes());
    if (all.length > MAX_NOTES) await delMany(all.sort().slice(0, all.length - MAX_NOTES), notes());
  },
};

/** Forgets every record. */
export async function forgetRecords(): Promise<void> {
  await Promise.all([clear(store()), clear(notes())]);
}
