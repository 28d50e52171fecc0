// Who this browser is: a key made once, kept where nothing can read it, and forgotten when asked.

import nacl from 'tweetnacl';
import { fromHex, toHex } from '../src/protocol/bytes.ts';
import { expect, test } from './fixtures.ts';

const note = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') };

test('a browser is the same after a reload and in another tab; another browser is another', async ({
  server,
  alice,
  bob,
}) => {
  await alice.open(server.url);
  const link = await alice.offer(note);
  const key = await alice.shortKey();
  await alice.page.reload();
  await alice.isIn('waiting');
  expect(await alice.shortKey()).toBe(key);
  await bob.open(link);
  await bob.isIn('knocking');
  expect(await bob.shortKey()).not.toBe(key);
});

test('what is kept holds no private key that can be read', async ({ server, alice }) => {
  await alice.open(server.url);
  await alice.offer(note);
  await alice.isIn('waiting');
  const records = await alice.records();
  const [identity] = Object.entries(records).flatMap(([name, record]) => (name.includes('identity') ? [record] : []));
  expect(identity).toMatchObject({
    kind: 'native',
    privateKey: { cryptoKey: 'Ed25519', type: 'private', extractable: false },
  });
});

test('without Ed25519 in the browser the seed lies wrapped, and everything works', async ({ server, alice, bob }) => {
  await alice.page.addInitScript(() => {
    const drawn: string[] = [];
    Object.assign(window, { drawn });
    const draw = crypto.getRandomValues.bind(crypto);
    crypto.getRandomValues = <T extends ArrayBufferView | null>(into: T): T => {
      const filled = draw(into as never) as T;
      if (filled instanceof Uint8Array) {
        drawn.push(Array.from(filled, (byte) => byte.toString(16).padStart(2, '0')).join(''));
      }
      return filled;
    };
    const generate = crypto.subtle.generateKey.bind(crypto.subtle) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(crypto.subtle, {
      generateKey: (...args: unknown[]) =>
        args[0] === 'Ed25519' ? Promise.reject(new DOMException('no', 'NotSupportedError')) : generate(...args),
    });
  });
  await alice.open(server.url);
  await alice.offer(note);
  await alice.isIn('waiting');
  const records = await alice.records();
  const [identity] = Object.entries(records).flatMap(([name, record]) => (name.includes('identity') ? [record] : []));
  const { publicKey } = identity as { publicKey: string };
  expect(identity).toMatchObject({ kind: 'wrapped', wrappingKey: { cryptoKey: 'AES-GCM', extractable: false } });
  // The seed was drawn in this page: it is the one whose public key is kept.
  const drawn = await alice.page.evaluate(() => Reflect.get(window, 'drawn') as string[]);
  const seeds = drawn.filter((seed) => seed.length === 64);
  const seed = seeds.find((each) => {
    const bytes = fromHex(each);
    return bytes && toHex(nacl.sign.keyPair.fromSeed(bytes).publicKey) === publicKey;
  });
  expect(seed).toBeDefined();
  const storages = await alice.page.evaluate(() =>
    JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]),
  );
  expect(JSON.stringify(records) + storages).not.toContain(seed);
  // And after a reload it is the key the room's link is pinned to.
  await alice.page.reload();
  await bob.enter(alice, await alice.offer(note));
  await bob.accept('note.txt');
  await bob.sees('note.txt', 'verified');
});

test('a browser that keeps nothing says so, and works for as long as the page lives', async ({
  server,
  alice,
  bob,
}) => {
  await alice.page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('blocked', 'SecurityError');
    };
  });
  await alice.open(server.url);
  await alice.seesNotice('identity-not-kept');
  await bob.enter(alice, await alice.offer(note));
  await bob.accept('note.txt');
  await bob.sees('note.txt', 'verified');
});

test('forgetting this device leaves nothing and makes somebody new', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  const link = await alice.offer(note);
  await bob.enter(alice, link);
  await bob.accept('note.txt');
  await bob.sees('note.txt', 'verified');
  const before = await bob.shortKey();
  await bob.page.getByTestId('leave').click();
  await bob.page.getByTestId('device').locator('summary').click();
  await expect(bob.page.getByTestId('known')).toHaveCount(1);
  await bob.page.evaluate(async () => {
    await caches.open('a cache');
    localStorage.setItem('something', 'kept');
    await (await navigator.storage.getDirectory()).getFileHandle('left behind', { create: true });
  });
  await bob.page.getByTestId('forget-device').click();
  // The page begins anew.
  await Promise.all([bob.page.waitForEvent('load'), bob.page.getByTestId('forget-device-yes').click()]);
  await expect(bob.page.getByTestId('known')).toHaveCount(0);
  const left = await bob.page.evaluate(async () => {
    const names: string[] = [];
    for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
    return { caches: await caches.keys(), local: localStorage.length, names };
  });
  // The new page has made its own two folders, or one of them so far.
  const isNew = (name: string) => name === 'staging' || name === 'partials';
  expect({ ...left, names: left.names.filter((name) => !isNew(name)) }).toEqual({
    caches: [],
    local: 0,
    names: [],
  });
  await bob.open(link);
  await bob.isIn('knocking');
  expect(await bob.stagedFiles()).toEqual([]);
  expect(await bob.shortKey()).not.toBe(before);
  expect(JSON.stringify(await bob.records())).not.toContain('"verified"');
});

test('a room is open in one tab at a time, and moves to another when asked', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  const link = await alice.offer(note);
  await bob.enter(alice, link);
  const second = await alice.context.newPage();
  await second.goto(link);
  await expect(second.getByTestId('elsewhere')).toBeVisible();
  await alice.isIn('inside');
  await second.getByTestId('use-here').click();
  await expect(second.getByTestId('room-state')).toHaveAttribute('data-state', 'inside');
  await expect(alice.page.getByTestId('elsewhere')).toBeVisible();
  // The room went on with its roster: Bob did not have to knock again.
  await expect(second.getByTestId('knock')).toHaveCount(0);
  await expect(second.getByTestId('person')).toHaveAttribute('data-state', 'ready');
});
