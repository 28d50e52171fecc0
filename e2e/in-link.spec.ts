// A room grows without its server: whoever is linked with two people brings them together.

import { expect, test } from './fixtures.ts';
import type { Person } from './person.ts';

const hello = { name: 'hello.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') };

async function allSeeEachOther(...people: readonly Person[]): Promise<void> {
  for (const one of people) {
    for (const other of people) {
      if (one !== other) await expect(await one.personOf(other)).toHaveAttribute('data-state', 'ready');
    }
  }
}

test('the server dies while somebody knocks: they are let in, all are linked, and a file goes between the guests', async ({
  server,
  alice,
  bob,
  carol,
  makeFile,
}) => {
  await alice.open(server.url);
  const link = await alice.offer(hello);
  await bob.enter(alice, link);
  await carol.open(link);
  await carol.isIn('knocking');
  await server.stop();
  for (const person of [alice, bob, carol]) await person.seesNotice('no-signaling');
  await alice.letIn(carol);
  await carol.isIn('inside');
  await allSeeEachOther(alice, bob, carol);
  const film = await makeFile('film.mp4', 3 * 1024 * 1024);
  await bob.offer(film.path);
  await carol.accept('film.mp4');
  expect(await carol.receives('film.mp4')).toBe(film.sha256);
});

test('a member the server has lost is met through the host, and the emoji of the two are the same', async ({
  server,
  alice,
  bob,
  carol,
}) => {
  const socket = await bob.holdServer();
  await alice.open(server.url);
  const link = await alice.offer(hello);
  await bob.enter(alice, link);
  await socket.cut();
  await bob.seesNotice('no-signaling');
  await carol.enter(alice, link);
  await allSeeEachOther(alice, bob, carol);
  const emoji = async (one: Person, other: Person) => {
    const row = await one.personOf(other);
    await row.getByTestId('verify').click();
    return row.getByTestId('sas').innerText();
  };
  expect(await emoji(bob, carol)).toBe(await emoji(carol, bob));
});

test('without the server a broken link is made anew through somebody else', async ({ server, alice, bob, carol }) => {
  await bob.keepConnections();
  await alice.open(server.url);
  const link = await alice.offer(hello);
  await bob.enter(alice, link);
  await carol.enter(alice, link);
  await allSeeEachOther(alice, bob, carol);
  await server.stop();
  for (const person of [alice, bob, carol]) await person.seesNotice('no-signaling');
  // The newest is the one with Carol.
  await bob.breakNewestConnection();
  await expect.poll(() => bob.connections()).toBe(1);
  await expect.poll(() => bob.connections()).toBe(2);
  await allSeeEachOther(alice, bob, carol);
});
