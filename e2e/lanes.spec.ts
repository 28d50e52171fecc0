// A large file travels on more than one connection, and does not care when one of them is lost.

import { expect, test } from './fixtures.ts';

const MiB = 1024 * 1024;

test('much to come takes further lanes; little does not', async ({ server, alice, bob, makeFile }) => {
  const [small, large] = await Promise.all([makeFile('small.bin', 2 * MiB), makeFile('large.bin', 64 * MiB)]);
  await bob.keepConnections();
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(small.path, large.path));
  await bob.accept('small.bin');
  await bob.sees('small.bin', 'verified');
  expect(await bob.connections()).toBe(1);
  await bob.accept('large.bin');
  await expect.poll(() => bob.connections()).toBeGreaterThanOrEqual(6);
  await bob.sees('large.bin', 'verified');
  expect((await bob.save('large.bin')).sha256).toBe(large.sha256);
});

for (const breaks of ['alice', 'bob'] as const) {
  test(`a lane that ${breaks} loses on the way takes nothing with it`, async ({ server, alice, bob, makeFile }) => {
    const film = await makeFile('film.mp4', 96 * MiB);
    const breaker = breaks === 'alice' ? alice : bob;
    await breaker.keepConnections();
    await alice.open(server.url);
    await bob.enter(alice, await alice.offer(film.path));
    await bob.accept('film.mp4');
    await expect.poll(() => breaker.connections()).toBeGreaterThanOrEqual(6);
    await bob.isMoving('film.mp4');
    await breaker.breakNewestConnection();
    await bob.sees('film.mp4', 'receiving');
    await bob.sees('film.mp4', 'verified');
    expect((await bob.save('film.mp4')).sha256).toBe(film.sha256);
    await expect(bob.page.getByTestId('notice').and(bob.page.locator('[data-code=peer-gone]'))).toHaveCount(0);
  });
}
