// Whom this browser's person knows, and what they are called: kept on this device alone, in memory when it cannot be kept.

import type { Known } from '../identity/trust.ts';
import { MAX_NAME_CHARS } from '../protocol/limits.ts';

/** What is kept; everything a person can set that outlives a room. */
export interface Memory {
  /** What I am called. */
  readonly ownName: string;
  /** Verified people come in without my let-in. */
  readonly autoAdmitVerified: boolean;
  /** Connections go through a relay and no other way, so that others do not see my address. */
  readonly relayOnly: boolean;
  readonly known: readonly Known[];
}

export interface MemoryStore {
  load(): Promise<Memory | undefined>;
  save(memory: Memory): Promise<void>;
}

/** Known and not confirmed: the oldest of more than this many are forgotten. */
const MAX_KNOWN = 200;

export class Acquaintances {
  readonly #store: MemoryStore;
  #memory: Memory;

  private constructor(store: MemoryStore, memory: Memory) {
    this.#store = store;
    this.#memory = memory;
  }

  /** `name`: what to be called at first. */
  static async open(store: MemoryStore, name: string): Promise<Acquaintances> {
    const kept = await store.load().catch(() => undefined);
    return new Acquaintances(store, kept ?? { ownName: name, autoAdmitVerified: false, relayOnly: false, known: [] });
  }

  get ownName(): string {
    return this.#memory.ownName;
  }

  get autoAdmitVerified(): boolean {
    return this.#memory.autoAdmitVerified;
  }

  get relayOnly(): boolean {
    return this.#memory.relayOnly;
  }

  get known(): readonly Known[] {
    return this.#memory.known;
  }

  petname(key: string): string {
    return this.#find(key)?.petname ?? '';
  }

  isBlocked(key: string): boolean {
    return this.#find(key)?.state === 'blocked';
  }

  setOwnName(name: string): Promise<void> {
    const short = clip(name);
    return this.#save({ ownName: short || this.#memory.ownName });
  }

  setAutoAdmitVerified(on: boolean): Promise<void> {
    return this.#save({ autoAdmitVerified: on });
  }

  setRelayOnly(on: boolean): Promise<void> {
    return this.#save({ relayOnly: on });
  }

  /** Somebody was linked: their key and name are remembered, their standing stays. */
  met(key: string, name: string): Promise<void> {
    return this.#change(key, (known) => ({ ...known, name }));
  }

  verify(key: string, name: string): Promise<void> {
    return this.#change(key, (known) => ({ ...known, name: name || known.name, state: 'verified' }));
  }

  block(key: string, name: string): Promise<void> {
    return this.#change(key, (known) => ({ ...known, name: name || known.name, state: 'blocked' }));
  }

  unblock(key: string): Promise<void> {
    return this.#change(key, (known) => ({ ...known, state: 'known' }));
  }

  rename(key: string, petname: string): Promise<void> {
    return this.#change(key, (known) => ({ ...known, petname: clip(petname) }));
  }

  forget(key: string): Promise<void> {
    return this.#save({ known: this.#memory.known.filter((known) => known.key !== key) });
  }

  #find(key: string): Known | undefined {
    return this.#memory.known.find((known) => known.key === key);
  }

  #change(key: string, change: (known: Known) => Known): Promise<void> {
    const before = this.#find(key) ?? { key, name: '', petname: '', state: 'known' };
    const all = [...this.#memory.known.filter((known) => known.key !== key), change(before)];
    const plain = all.filter(({ state }) => state === 'known');
    const surplus = new Set(plain.slice(0, Math.max(0, plain.length - MAX_KNOWN)));
    return this.#save({ known: all.filter((known) => !surplus.has(known)) });
  }

  async #save(change: Partial<Memory>): Promise<void> {
    this.#memory = { ...this.#memory, ...change };
    try {
      await this.#store.save(this.#memory);
    } catch {
      // Blocked or full: it holds for as long as the page does.
    }
  }
}

function clip(name: string): string {
  return name.toWellFormed().trim().slice(0, MAX_NAME_CHARS).toWellFormed();
}
