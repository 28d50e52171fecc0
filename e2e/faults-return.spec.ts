// Whoever comes back goes on with what is here: after reloads on both sides, in another tab, within a week. What nobody can
// go on with is not left lying around.

import { utimes } from 'node:fs/promises';
import { expect, test, type Fixtures, type Made } from './fixtures.ts';
import type { Person } from './person.ts';

const MiB = 1024 * 1024;
const SIZE = 64 * MiB;
const MODIFIED = new Date('2026-01-01T00:00:00Z');
const MINUTE_MS = 60_000;
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;

/** A film that Alice offered and of which Bob has a part; he paused it. Alice counts the bytes she sends. */
async function partly({ server, alice, bob, makeFile }: Pick<Fixtures, 'server' | 'alice' | 'bob' | 'makeFile'>) {
  const film = await makeFile('film.mp4', SIZE);
  await utimes(film.path, MODIFIED, MODIFIED);
  await alice.keepChannelsOnPage();
  await alice.open(server.url);
  const link = await alice.offer(film.path);
  await bob.enter(alice, link);
  await bob.acceptsPart('film.mp4', 25);
  return { film, link };
}

/** At most what was missing, with its headers. */
const missing = (percent: number) => SIZE * (1 - percent / 100) + SIZE / 100;

/** Another room of Alice's, in another tab, with the same film on its doorstep; Bob is in it, in another tab too. */
async function secondRoom(url: string, alice: Person, bob: Person, film: Made): Promise<[Person, Person]> {
  const [alice2, bob2] = [await alice.newTab(), await bob.newTab()];
  await alice2.keepChannelsOnPage();
  await alice2.open(url);
  await bob2.enter(alice2, await alice2.offer(film.path));
  return [alice2, bob2];
}

/** Turns the clock of what is kept of partial files back. */
async function makeOlder(bob: Person, byMs: number): Promise<void> {
  const aged = await bob.page.evaluate(async (ms) => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error());
      });
    const database = await done(indexedDB.open('doorstep'));
    const records = database.transaction('records', 'readwrite').objectStore('records');
    const names = (await done(records.getAllKeys())).map(String).filter((name) => name.startsWith('partial/'));
    for (const name of names) {
      const record = (await done(records.get(name))) as { at: number };
      await done(records.put({ ...record, at: Date.now() - ms }, name));
    }
    database.close();
    return names.length;
  }, byMs);
  expect(aged).toBe(1);
}

test('both reload, and the same file is chosen again: after one yes only what is missing travels', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const { film } = await partly({ server, alice, bob, makeFile });
  await Promise.all([alice.page.reload(), bob.page.reload()]);
  await alice.offer(film.path);
  await expect(alice.page.getByTestId('choose-again')).toHaveCount(0);
  const percent = await bob.resumesPart('film.mp4');
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
  await alice.seesDelivery('film.mp4', 'verified');
  expect(await alice.dataBytes(), 'counted since the reload').toBeLessThan(missing(percent));
});

test('the receiver closes the tab and opens the link again: after one yes only what is missing travels', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const { film, link } = await partly({ server, alice, bob, makeFile });
  await bob.page.close();
  await alice.seesDelivery('film.mp4', 'offered');
  const sent = await alice.dataBytes();
  const tab = await bob.newTab();
  await tab.open(link);
  const percent = await tab.resumesPart('film.mp4');
  expect(await tab.receives('film.mp4')).toBe(film.sha256);
  await alice.seesDelivery('film.mp4', 'verified');
  expect((await alice.dataBytes()) - sent).toBeLessThan(missing(percent));
});

// One tab a room, so it takes two rooms: of one sender, with the same file.
test('two tabs of a browser receive the same file at once: each has its own, and both are right', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  test.slow();
  const { film } = await partly({ server, alice, bob, makeFile });
  const [alice2, bob2] = await secondRoom(server.url, alice, bob, film);
  await expect(bob2.incoming('film.mp4').getByTestId('accept')).toHaveText('Accept');
  await bob2.acceptsPart('film.mp4', 25);
  await bob.incoming('film.mp4').getByTestId('resume').click();
  await bob2.incoming('film.mp4').getByTestId('resume').click();
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
  expect(await bob2.receives('film.mp4')).toBe(film.sha256);
  await alice.seesDelivery('film.mp4', 'verified');
  await alice2.seesDelivery('film.mp4', 'verified');
});

test('two tabs go on with the same part: the second finds it taken and begins anew, and both are right', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  test.slow();
  const { film } = await partly({ server, alice, bob, makeFile });
  await bob.page.reload();
  await bob.sees('film.mp4', 'offered');
  const [alice2, bob2] = await secondRoom(server.url, alice, bob, film);
  const before = await alice.dataBytes();
  const percent = await bob.resumesPart('film.mp4');
  await bob2.resumesPart('film.mp4');
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
  expect(await bob2.receives('film.mp4')).toBe(film.sha256);
  expect((await alice.dataBytes()) - before).toBeLessThan(missing(percent));
  expect(await alice2.dataBytes()).toBeGreaterThan(SIZE);
});

test('a part that another tab goes on with is not lost when this one says no to it', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  test.slow();
  const { film } = await partly({ server, alice, bob, makeFile });
  await bob.page.reload();
  await bob.sees('film.mp4', 'offered');
  const [, bob2] = await secondRoom(server.url, alice, bob, film);
  await bob.pressAt('film.mp4', 50, 'pause');
  await bob.resumesPart('film.mp4');
  await bob.sees('film.mp4', 'paused');
  await expect(bob2.incoming('film.mp4').getByTestId('accept')).toHaveText(/^Resume/);
  await bob2.decline('film.mp4');
  // It can be taken back for a while; only then it counts.
  await expect(bob2.incoming('film.mp4').getByRole('button')).toHaveCount(0);
  // It waits a moment for whoever has it; should the other tab go within that moment, nobody has.
  const waiting = () => bob2.page.evaluate(async () => (await navigator.locks.query()).pending?.length);
  await expect.poll(waiting, { intervals: [100] }).toBe(1);
  await expect.poll(waiting).toBe(0);
  await bob.page.reload();
  await bob.resumesPart('film.mp4');
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
});

test('a part is offered to be gone on with for seven days, and then swept', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const { film } = await partly({ server, alice, bob, makeFile });
  await makeOlder(bob, WEEK_MS - MINUTE_MS);
  await bob.page.reload();
  await expect(bob.incoming('film.mp4').getByTestId('accept')).toHaveText(/^Resume at/);
  expect(await bob.stagedFiles()).toHaveLength(2);
  await makeOlder(bob, WEEK_MS + MINUTE_MS);
  await bob.page.reload();
  await bob.sees('film.mp4', 'offered');
  await expect.poll(() => bob.stagedFiles()).toEqual([]);
  await expect(bob.incoming('film.mp4').getByTestId('accept')).toHaveText('Accept');
  expect(Object.keys(await bob.records()).filter((name) => name.includes('partial/'))).toEqual([]);
  await bob.accept('film.mp4');
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
});

/** Keeps back the second half of every first piece until `window.withheld` is false; before `open`. */
async function withhold(alice: Person): Promise<void> {
  await alice.keepChannelsOnPage();
  await alice.page.addInitScript(() => {
    Object.assign(window, { withheld: true });
    const send = Reflect.get(RTCDataChannel.prototype, 'send') as (...args: unknown[]) => void;
    RTCDataChannel.prototype.send = function (this: RTCDataChannel, frame: unknown) {
      if (Reflect.get(window, 'withheld') && frame instanceof Uint8Array && frame[0] === 0x11) {
        const view = new DataView(frame.buffer, frame.byteOffset);
        if (view.getUint32(5) === 0 && view.getUint32(9) >= 512 * 1024) return;
      }
      Reflect.apply(send, this, [frame]);
    };
  });
}

test('a browser that was killed while it received sweeps what it cannot go on with as soon as it starts', async ({
  server,
  alice,
  invite,
  makeFile,
}, testInfo) => {
  const [note, done, film] = await Promise.all([
    makeFile('note.txt', MiB),
    makeFile('done.txt', MiB / 4),
    makeFile('film.mp4', 24 * MiB),
  ]);
  const profile = testInfo.outputPath('profile');
  const before = await invite('bob', { profile });
  await withhold(alice);
  await alice.open(server.url);
  const link = await alice.offer(note.path, done.path, film.path);
  await before.enter(alice, link);
  await before.accept('done.txt');
  await before.sees('done.txt', 'verified');
  await before.accept('note.txt');
  await before.accept('film.mp4');
  // Of the note and the film everything is here but half of one piece, and that does not come.
  await before.hasReceived('film.mp4', 95);
  await expect.poll(async () => (await before.stagedFiles()).length).toBe(4);
  const staged = await before.stagedFiles();
  const part = staged.filter((name) => staged.includes(`${name}.hashes`) || name.endsWith('.hashes'));
  expect(part).toHaveLength(2);
  await before.kill();

  const bob = await invite('bob', { profile });
  await bob.open(server.url);
  await expect.poll(async () => (await bob.stagedFiles()).sort()).toEqual(part.sort());
  await alice.page.evaluate(() => Object.assign(window, { withheld: false }));
  await bob.open(link);
  const sent = await alice.dataBytes();
  expect(await bob.resumesPart('film.mp4')).toBe(95);
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
  expect((await alice.dataBytes()) - sent, 'the one piece that was missing').toBeLessThan(2 * MiB);
  await bob.accept('note.txt');
  expect(await bob.receives('note.txt')).toBe(note.sha256);
});
