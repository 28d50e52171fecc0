// The network goes away in the middle of a transfer and comes back: it goes on by itself, and nobody is asked or told
// anything that is not so. All traffic between the browsers goes through a relay of ours and a real TURN server.

import { Coturn } from './coturn.ts';
import { expect, test as base, type Fixtures, type Made } from './fixtures.ts';
import type { Person } from './person.ts';
import { Relay } from './relay.ts';
import { relayOnly } from './relayed.ts';
import { Server } from './server.ts';

const MiB = 1024 * 1024;
const SIZE = 64 * MiB;
/** Slow enough to be in the middle of it for a while. */
const BYTES_PER_SECOND = 3_000_000;
/** What was asked for when it broke: two pieces on each of at most eight lanes. */
const IN_FLIGHT = 16 * MiB;
/** The browser gives a silent connection up after about 16 s. */
const GIVEN_UP_MS = 30_000;
const ARRIVES_MS = 120_000;

const test = base.extend<{ relay: Relay }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of this pattern
  relay: async ({}, use) => {
    const coturn = await Coturn.start();
    const relay = await Relay.start({ to: coturn.port, bytesPerSecond: BYTES_PER_SECOND });
    await use(relay);
    await relay.stop();
    await coturn.stop();
  },
});

type People = Pick<Fixtures, 'server' | 'alice' | 'bob' | 'makeFile'> & { readonly relay: Relay };

/** A film that Alice offered and Bob accepted, and of which a part has arrived. Alice counts the bytes she sends. */
async function onItsWay({ server, alice, bob, makeFile, relay }: People): Promise<Made> {
  for (const person of [alice, bob]) await relayOnly(person, Coturn.iceServer(relay.port));
  await alice.keepChannelsOnPage();
  const film = await makeFile('film.mp4', SIZE);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path));
  await expect(await bob.personOf(alice)).toHaveAttribute('data-path', 'relayed');
  await bob.accept('film.mp4');
  await bob.hasReceived('film.mp4', 20);
  return film;
}

/** Percent of the film that Bob sees, -1 when none is shown. */
function shown(bob: Person): Promise<number> {
  return bob
    .incoming('film.mp4')
    .getByTestId('progress')
    .evaluateAll(([bar]) => Number(bar?.getAttribute('aria-valuenow') ?? -1));
}

async function arrives(alice: Person, bob: Person, { sha256 }: Made): Promise<void> {
  await bob.sees('film.mp4', 'verified', ARRIVES_MS);
  expect((await bob.save('film.mp4')).sha256).toBe(sha256);
  await alice.seesDelivery('film.mp4', 'verified');
}

/** The connection is given up: both are told that, and nothing else; nothing is asked. */
async function bothAreTold(alice: Person, bob: Person): Promise<void> {
  await bob.sees('film.mp4', 'interrupted', GIVEN_UP_MS);
  await alice.seesDelivery('film.mp4', 'offered', GIVEN_UP_MS);
  const row = bob.incoming('film.mp4');
  await expect(row).toContainText(/\d+ % is here\. .+ is out of reach\. It goes on when they are back\./);
  await expect(row.getByTestId('accept')).toHaveCount(0);
  await expect(alice.outgoing('film.mp4')).toContainText('went out of reach before it had all arrived');
  for (const { page } of [alice, bob]) await expect(page.getByTestId('notice')).toContainText('is out of reach');
}

for (const [length, seconds] of [
  ['five minutes', 300],
  ['a minute', 60],
  ['five seconds', 5],
] as const) {
  const tag = seconds >= 300 ? ['@patient'] : [];
  test(
    `the network is away for ${length}: it goes on by itself`,
    { tag },
    async ({ server, alice, bob, makeFile, relay }) => {
      test.setTimeout((seconds + 180) * 1000);
      const film = await onItsWay({ server, alice, bob, makeFile, relay });
      relay.cut();
      const before = await shown(bob);
      const cut = performance.now();
      if (seconds * 1000 > GIVEN_UP_MS) await bothAreTold(alice, bob);
      // How long it is away is what is tested: there is nothing else to wait for.
      await new Promise((resolve) => setTimeout(resolve, cut + seconds * 1000 - performance.now()));
      relay.mend();
      await expect.poll(() => shown(bob), { timeout: 10_000, intervals: [100] }).toBeGreaterThan(before);
      await bob.sees('film.mp4', 'receiving');
      await alice.seesDelivery('film.mp4', 'sending');
      for (const { page } of [alice, bob]) await expect(page.getByTestId('notice')).toHaveCount(0);
      await arrives(alice, bob, film);
      expect(await alice.dataBytes()).toBeLessThan(SIZE + IN_FLIGHT);
    },
  );
}

test('the signaling server dies and comes back: the transfer does not notice', async ({
  server,
  alice,
  bob,
  carol,
  makeFile,
  relay,
}) => {
  const film = await onItsWay({ server, alice, bob, makeFile, relay });
  const link = await alice.page.getByTestId('share-link').inputValue();
  await server.stop();
  await Promise.all([alice.seesNotice('no-signaling'), bob.seesNotice('no-signaling')]);
  const again = await Server.start(server.port);
  for (const { page } of [alice, bob]) await expect(page.getByTestId('notice')).toHaveCount(0);
  await bob.sees('film.mp4', 'receiving');
  await arrives(alice, bob, film);
  expect(await alice.dataBytes(), 'none of it twice, but what a fast lane did for a slow one').toBeLessThan(
    SIZE + 8 * MiB,
  );
  // And the room lives on.
  await relayOnly(carol, Coturn.iceServer(relay.port));
  await carol.enter(alice, link);
  await again.stop();
});
