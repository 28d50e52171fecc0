// What was on its way goes on: by itself when only the connection was lost, after a yes when a page was. What is here
// already does not travel again, and what comes out is the file.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, utimes } from 'node:fs/promises';
import { expect, test, type Fixtures, type Made } from './fixtures.ts';
import { digest, Person } from './person.ts';

const MiB = 1024 * 1024;
const SIZE = 96 * MiB;
/** A whole second: not every call that sets a file's time keeps more. */
const MODIFIED = new Date('2026-01-01T00:00:00Z');
/** What was asked for when it broke travels twice, and what was still buffered: the windows of six lanes and more. */
const TWICE = 32 * MiB;

type People = Pick<Fixtures, 'server' | 'alice' | 'bob' | 'makeFile'>;

/** A film that Alice offered and Bob accepted, and of which a part has arrived. Alice counts the bytes she sends. */
async function onItsWay({ server, alice, bob, makeFile }: People): Promise<{ film: Made; link: string }> {
  const film = await makeFile('film.mp4', SIZE);
  await utimes(film.path, MODIFIED, MODIFIED);
  await alice.keepChannelsOnPage();
  await alice.open(server.url);
  const link = await alice.offer(film.path);
  await bob.enter(alice, link);
  await bob.accept('film.mp4');
  await bob.hasReceived('film.mp4', 25);
  return { film, link };
}

/** Alice's page is reloaded, and she chooses the film again. */
async function choosesAgain(alice: Person, film: Made): Promise<void> {
  await expect(alice.page.getByTestId('choose-again-file')).toHaveText(/^film\.mp4 101 MB$/);
  await alice.offer(film.path);
  await expect(alice.page.getByTestId('choose-again')).toHaveCount(0);
}

/** Says yes to the rest of it. */
async function resumes(bob: Person): Promise<void> {
  const accept = bob.incoming('film.mp4').getByTestId('accept');
  await expect(accept).toHaveText(/^Resume at [1-9]\d? %$/);
  await accept.click();
}

async function arrives(bob: Person, sha256: string): Promise<void> {
  await bob.sees('film.mp4', 'verified');
  expect((await bob.save('film.mp4')).sha256).toBe(sha256);
}

for (const breaks of ['alice', 'bob'] as const) {
  test(`${breaks} loses the connection: it goes on without another yes`, async ({ server, alice, bob, makeFile }) => {
    const breaker = breaks === 'alice' ? alice : bob;
    await breaker.keepConnections();
    const { film } = await onItsWay({ server, alice, bob, makeFile });
    await breaker.breakConnections();
    await arrives(bob, film.sha256);
    await alice.seesDelivery('film.mp4', 'verified');
    expect(await alice.dataBytes()).toBeLessThan(SIZE + TWICE);
  });
}

test('the receiver reloads: after a yes only the rest travels', async ({ server, alice, bob, makeFile }) => {
  const { film } = await onItsWay({ server, alice, bob, makeFile });
  await bob.page.reload();
  await resumes(bob);
  await arrives(bob, film.sha256);
  expect(await alice.dataBytes()).toBeLessThan(SIZE + TWICE);
});

test('the sender reloads and chooses the same file again: after a yes only the rest travels', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const { film } = await onItsWay({ server, alice, bob, makeFile });
  await alice.page.reload();
  await bob.sees('film.mp4', 'interrupted');
  await choosesAgain(alice, film);
  await resumes(bob);
  await arrives(bob, film.sha256);
  expect(await alice.dataBytes(), 'counted since the reload').toBeLessThan(0.9 * SIZE);
});

test('the file has other bytes by then: what differs is fetched, and what comes out is the file as it is now', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const { film } = await onItsWay({ server, alice, bob, makeFile });
  await alice.page.reload();
  const changed = await open(film.path, 'r+');
  await changed.write(randomBytes(100), 0, 100, 3 * MiB);
  await changed.close();
  await utimes(film.path, MODIFIED, MODIFIED);
  await choosesAgain(alice, film);
  await resumes(bob);
  await arrives(bob, (await digest(film.path)).sha256);
  expect(await alice.dataBytes(), 'counted since the reload').toBeLessThan(0.9 * SIZE);
});

test('the receiver’s browser is killed: after a yes only the rest travels', async ({
  server,
  alice,
  invite,
  makeFile,
}, testInfo) => {
  const profile = testInfo.outputPath('profile');
  const { film, link } = await onItsWay({ server, alice, bob: await invite('bob', { profile }), makeFile });
  execFileSync('pkill', ['-KILL', '-f', profile]);
  const bob = await invite('bob', { profile });
  await bob.open(link);
  await resumes(bob);
  await arrives(bob, film.sha256);
  expect(await alice.dataBytes()).toBeLessThan(SIZE + TWICE);
});

test('what is here of a file can be let go of', async ({ server, alice, bob, makeFile }) => {
  await onItsWay({ server, alice, bob, makeFile });
  await bob.page.reload();
  await expect(bob.incoming('film.mp4').getByTestId('accept')).toHaveText(/^Resume/);
  await bob.decline('film.mp4');
  await expect.poll(() => bob.stagedFiles(), { timeout: 15_000 }).toEqual([]);
});

test('what there is no room for is not begun, and a disk that fills up pauses with a reason', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const film = await makeFile('film.mp4', SIZE);
  await alice.open(server.url);
  // What Chromium says is free does not follow the quota that is set here.
  await bob.page.addInitScript(() => {
    navigator.storage.estimate = () =>
      Promise.resolve({ quota: 200e6, usage: Number(Reflect.get(window, 'taken') ?? 0) });
  });
  const taken = (usage: number) => bob.page.evaluate((bytes) => Object.assign(window, { taken: bytes }), usage);
  await bob.open(server.url);
  const origin = new URL(server.url).origin;
  const devtools = await bob.context.newCDPSession(bob.page);
  const leave = (quotaSize?: number) =>
    devtools.send('Storage.overrideQuotaForOrigin', { origin, ...(quotaSize !== undefined && { quotaSize }) });
  await bob.enter(alice, await alice.offer(film.path));
  await taken(150e6);
  await bob.accept('film.mp4');
  await bob.seesNotice('no-space');
  await expect(bob.page.locator('[data-code=no-space]')).toContainText('needs 101 MB, and 50.0 MB are free');
  await bob.sees('film.mp4', 'offered');
  await taken(0);
  await leave(32 * MiB);
  await bob.accept('film.mp4');
  await bob.sees('film.mp4', 'paused');
  await expect(bob.incoming('film.mp4')).toContainText('no room left');
  await alice.seesDelivery('film.mp4', 'paused');
  await leave();
  await bob.incoming('film.mp4').getByTestId('resume').click();
  await arrives(bob, film.sha256);
});
