import { describe, expect, test } from 'vitest';
import { MAX_NAME_CHARS } from '../protocol/limits.ts';
import { Acquaintances, type Memory, type MemoryStore } from './acquaintances.ts';

const MAX_MERELY_KNOWN = 200;

/** A browser's storage: it keeps copies, and may refuse. */
class MemoryOfABrowser implements MemoryStore {
  kept: Memory | undefined;
  blocked = false;

  load(): Promise<Memory | undefined> {
    return this.blocked ? Promise.reject(new Error('blocked')) : Promise.resolve(structuredClone(this.kept));
  }

  save(memory: Memory): Promise<void> {
    if (this.blocked) return Promise.reject(new Error('blocked'));
    this.kept = structuredClone(memory);
    return Promise.resolve();
  }
}

async function opened(store = new MemoryOfABrowser()) {
  return { store, people: await Acquaintances.open(store, 'Brave Otter') };
}

describe('what is kept', () => {
  test('is there after a reload', async () => {
    const { store, people } = await opened();
    await people.setOwnName('Alice');
    await people.setAutoAdmitVerified(true);
    await people.setRelayOnly(true);
    await people.met('bob', 'Bob');
    await people.verify('carol', 'Carol');
    await people.block('mallory', 'Mallory');
    await people.rename('bob', 'Bobby');
    const again = await Acquaintances.open(store, 'Calm Heron');
    expect([again.ownName, again.autoAdmitVerified, again.relayOnly]).toEqual(['Alice', true, true]);
    expect(again.known).toEqual([
      { key: 'carol', name: 'Carol', petname: '', state: 'verified' },
      { key: 'mallory', name: 'Mallory', petname: '', state: 'blocked' },
      { key: 'bob', name: 'Bob', petname: 'Bobby', state: 'known' },
    ]);
    expect([again.petname('bob'), again.petname('nobody')]).toEqual(['Bobby', '']);
    expect(['bob', 'carol', 'mallory', 'nobody'].filter((key) => again.isBlocked(key))).toEqual(['mallory']);
  });

  test('is nothing until somebody is met, and the name is the one handed in', async () => {
    const { store, people } = await opened();
    expect([people.ownName, people.autoAdmitVerified, people.relayOnly, people.known, store.kept]).toEqual([
      'Brave Otter',
      false,
      false,
      [],
      undefined,
    ]);
  });

  test('in a store that takes nothing holds for as long as the page does', async () => {
    const { store, people } = await opened();
    await people.verify('bob', 'Bob');
    store.blocked = true;
    await people.setOwnName('Alice');
    await people.verify('carol', 'Carol');
    await people.block('bob', '');
    expect([people.ownName, people.isBlocked('bob')]).toEqual(['Alice', true]);
    expect(people.known.map(({ key, state }) => [key, state])).toEqual([
      ['carol', 'verified'],
      ['bob', 'blocked'],
    ]);
    // What was kept before that is as it was.
    store.blocked = false;
    const again = await Acquaintances.open(store, 'Calm Heron');
    expect(again.known).toEqual([{ key: 'bob', name: 'Bob', petname: '', state: 'verified' }]);
    expect(again.ownName).toBe('Brave Otter');
  });

  test('in a store that gives nothing back is begun anew', async () => {
    const store = new MemoryOfABrowser();
    store.blocked = true;
    const { people } = await opened(store);
    await people.met('bob', 'Bob');
    expect([people.ownName, people.known.map(({ key }) => key)]).toEqual(['Brave Otter', ['bob']]);
  });
});

describe('somebody', () => {
  test('who is met again is called what they now call themselves, and stays what they were', async () => {
    const { people } = await opened();
    await people.verify('bob', 'Bob');
    await people.rename('bob', 'My brother');
    await people.met('bob', 'Robert');
    expect(people.known).toEqual([{ key: 'bob', name: 'Robert', petname: 'My brother', state: 'verified' }]);
  });

  test('is verified, blocked and unblocked; their name stays when none is given', async () => {
    const { people } = await opened();
    await people.met('bob', 'Bob');
    await people.verify('bob', '');
    expect(people.known).toEqual([{ key: 'bob', name: 'Bob', petname: '', state: 'verified' }]);
    await people.block('bob', '');
    expect([people.isBlocked('bob'), people.known[0]?.name]).toEqual([true, 'Bob']);
    // Whoever was blocked is not verified any more.
    await people.unblock('bob');
    expect(people.known[0]?.state).toBe('known');
  });

  test('who is blocked stays it when they are met', async () => {
    const { people } = await opened();
    await people.block('bob', 'Bob');
    await people.met('bob', 'Somebody else');
    expect(people.isBlocked('bob')).toBe(true);
  });

  test('is forgotten for good', async () => {
    const { store, people } = await opened();
    await people.verify('bob', 'Bob');
    await people.forget('bob');
    await people.forget('nobody');
    expect([people.known, store.kept?.known]).toEqual([[], []]);
  });

  test('is there once, whatever happens at once', async () => {
    const { people } = await opened();
    await Promise.all([
      people.met('bob', 'Bob'),
      people.verify('bob', 'Bob'),
      people.rename('bob', 'Bobby'),
      people.met('bob', 'Robert'),
    ]);
    expect(people.known).toEqual([{ key: 'bob', name: 'Robert', petname: 'Bobby', state: 'verified' }]);
  });
});

describe('of those who were merely met', () => {
  test('the last 200 are known, and the oldest are forgotten', async () => {
    const { people, store } = await opened();
    for (let n = 0; n < MAX_MERELY_KNOWN + 50; n++) await people.met(`key ${n}`, `Nr ${n}`);
    expect(people.known.map(({ key }) => key)).toEqual(
      Array.from({ length: MAX_MERELY_KNOWN }, (_, i) => `key ${i + 50}`),
    );
    expect(store.kept?.known).toEqual(people.known);
  });

  test('whoever is met again is not the oldest any more', async () => {
    const { people } = await opened();
    for (let n = 0; n < MAX_MERELY_KNOWN; n++) await people.met(`key ${n}`, `Nr ${n}`);
    await people.met('key 0', 'Nr 0');
    await people.met('another', 'Another');
    const keys = people.known.map(({ key }) => key);
    expect([keys.includes('key 0'), keys.includes('key 1')]).toEqual([true, false]);
  });

  test('and nobody else anybody is forgotten: not the verified, nor the blocked', async () => {
    const { people } = await opened();
    const kept = 300;
    for (let n = 0; n < kept; n++) await people.verify(`verified ${n}`, 'V');
    for (let n = 0; n < kept; n++) await people.block(`blocked ${n}`, 'B');
    for (let n = 0; n < MAX_MERELY_KNOWN + 10; n++) await people.met(`key ${n}`, 'K');
    const count = (state: string) => people.known.filter((known) => known.state === state).length;
    expect([count('verified'), count('blocked'), count('known')]).toEqual([kept, kept, MAX_MERELY_KNOWN]);
  });
});

describe('a name', () => {
  test.each([
    ['is cut where it is too long', 'a'.repeat(100), 'a'.repeat(MAX_NAME_CHARS)],
    ['has no space around it', '  Alice \n', 'Alice'],
    ['is not cut into half a character', `${'a'.repeat(MAX_NAME_CHARS - 1)}🦊`, undefined],
    ['has no half characters in it', 'Al\ud83dice', 'Al\ufffdice'],
  ])('%s', async (_, given, expected) => {
    const { people } = await opened();
    await people.setOwnName(given);
    await people.rename('bob', given);
    for (const name of [people.ownName, people.petname('bob')]) {
      expect(name.isWellFormed()).toBe(true);
      expect(name.length).toBeLessThanOrEqual(MAX_NAME_CHARS);
      if (expected !== undefined) expect(name).toBe(expected);
    }
  });

  test("of one's own is never nothing; what others are called may be", async () => {
    const { people } = await opened();
    await people.setOwnName('Alice');
    for (const nothing of ['', '   ', '\n']) await people.setOwnName(nothing);
    expect(people.ownName).toBe('Alice');
    await people.rename('bob', 'Bobby');
    await people.rename('bob', '  ');
    expect(people.petname('bob')).toBe('');
  });
});
