// Consent rules that no other test shows in browsers (e2e/README.md has the table of all twenty).

import { utimes } from 'node:fs/promises';
import { expect, test, type Fixtures } from './fixtures.ts';
import type { Person } from './person.ts';

const MiB = 1024 * 1024;
const FILM_BYTES = 48 * MiB;

const file = (name: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(`this is ${name}`) });

/** Bytes this person sent by the time that a small file of theirs, offered now, has arrived. */
async function bytesSentAfterOneMore(from: Person, to: Person): Promise<number> {
  await from.offer(file('one more.txt'));
  await to.accept('one more.txt');
  await to.sees('one more.txt', 'verified');
  return from.dataBytes();
}

/** A film of which a part is with bob, who has paused it; alice counts what she sends. */
async function partly({ server, alice, bob, makeFile }: Pick<Fixtures, 'server' | 'alice' | 'bob' | 'makeFile'>) {
  const film = await makeFile('film.mp4', FILM_BYTES);
  const modified = new Date('2026-01-01T00:00:00Z');
  await utimes(film.path, modified, modified);
  await alice.keepChannelsOnPage();
  await alice.open(server.url);
  const link = await alice.offer(film.path);
  await bob.enter(alice, link);
  await bob.acceptsPart('film.mp4', 10);
  return { film, link };
}

test('C5: “accept all” is a yes to what is ordinary, and never to what can do harm', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(file('a.txt'), file('b.txt'), file('setup.exe'), file('page.html')));
  await bob.page.getByTestId('accept-all').click();
  for (const name of ['a.txt', 'b.txt']) await bob.sees(name, 'verified');
  for (const name of ['setup.exe', 'page.html']) await bob.sees(name, 'offered');
  await expect(bob.page.getByTestId('accept-all')).toHaveCount(0);
  await bob.accept('setup.exe');
  await bob.sees('setup.exe', 'verified');
  await bob.sees('page.html', 'offered');
});

test('C9: what was picked is picked for this page life: after a reload nothing backs an offer', async ({
  server,
  alice,
  bob,
}) => {
  // Whoever asked for something to be read later would be found out: an uncaught error fails the test.
  await alice.page.addInitScript(() => {
    for (const name of ['showOpenFilePicker', 'showDirectoryPicker']) {
      Object.assign(window, { [name]: () => reportError(new Error(name)) });
    }
    Object.assign(DataTransferItem.prototype, { getAsFileSystemHandle: () => reportError(new Error('a handle')) });
  });
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(file('a.txt')));
  await bob.sees('a.txt', 'offered');
  await alice.page.reload();
  await expect(alice.page.getByTestId('choose-again-file')).toHaveText(/^a\.txt/u);
  await expect(await bob.personOf(alice)).toHaveAttribute('data-state', 'ready');
  await bob.sees('a.txt', 'interrupted');
  await expect(bob.incoming('a.txt').getByTestId('accept')).toHaveCount(0);
  await expect(alice.page.getByTestId('outgoing-file')).toHaveCount(0);
  await alice.offer(file('a.txt'));
  await expect(bob.page.locator('[data-testid=incoming-file][data-state=offered]')).toHaveCount(1);
});

test('C10: what was taken back is not sent any more', async ({ server, alice, bob, makeFile }) => {
  await partly({ server, alice, bob, makeFile });
  await alice.outgoing('film.mp4').getByTestId('withdraw').click();
  await bob.sees('film.mp4', 'withdrawn');
  const before = await alice.dataBytes();
  expect(before).toBeLessThan(FILM_BYTES - MiB);
  expect((await bytesSentAfterOneMore(alice, bob)) - before).toBeLessThan(MiB);
});

test('C12: only who sent a part can go on with it, and only after a yes', async ({
  server,
  alice,
  bob,
  carol,
  makeFile,
}) => {
  const { film, link } = await partly({ server, alice, bob, makeFile });
  await bob.page.reload();
  await expect(bob.incoming('film.mp4').getByTestId('accept')).toHaveText(/^Resume at/u);
  // The very same file, of the same name, size and date, from somebody else.
  await carol.enter(alice, link);
  await expect(await carol.personOf(bob)).toHaveAttribute('data-state', 'ready');
  await carol.offer(film.path);
  await bob.sees('film (2).mp4', 'offered');
  await expect(bob.incoming('film (2).mp4').getByTestId('accept')).toHaveText('Accept');
  await bob.sees('film.mp4', 'offered');
});

test('C14: what is verified is not saved before somebody says so', async ({ server, alice, bob }) => {
  let downloads = 0;
  bob.page.on('download', () => downloads++);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(file('a.txt'), file('b.txt')));
  await bob.page.getByTestId('accept-all').click();
  for (const name of ['a.txt', 'b.txt']) await bob.sees(name, 'verified');
  expect(downloads).toBe(0);
  await bob.save('a.txt');
  await bob.sees('a.txt', 'saved');
  await bob.sees('b.txt', 'verified');
  expect(downloads).toBe(1);
});

test('C18: after a reload in the middle nothing moves before it is asked for', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const film = await makeFile('film.mp4', 2 * FILM_BYTES);
  await alice.keepChannelsOnPage();
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path));
  await bob.accept('film.mp4');
  await bob.hasReceived('film.mp4', 5);
  await bob.page.reload();
  await bob.sees('film.mp4', 'offered');
  await alice.seesDelivery('film.mp4', 'offered');
  const before = await alice.dataBytes();
  expect(before).toBeLessThan(2 * FILM_BYTES);
  expect((await bytesSentAfterOneMore(alice, bob)) - before).toBeLessThan(MiB);
  await bob.sees('film.mp4', 'offered');
});
