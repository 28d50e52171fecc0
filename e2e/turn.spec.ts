// People who hide their address: everything goes through the real TURN server, with credentials our server minted, and
// nobody is told any other address.

import { Coturn, withSecrets } from './coturn.ts';
import { expect, test as base } from './fixtures.ts';
import type { Person } from './person.ts';
import { Server } from './server.ts';

const MiB = 1024 * 1024;
const SECRET = 'the-secret-of-these-tests';
const NEXT = 'the-next-secret-of-them';
const small = { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') };

const turnOf = ({ port }: Coturn, ...secrets: string[]) => ({
  TURN_URLS: Coturn.url(port),
  TURN_SECRET: secrets.join('\n'),
});

const test = base.extend<{ coturn: Coturn; server: Server }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of this pattern
  coturn: async ({}, use) => {
    const coturn = await Coturn.start(withSecrets(SECRET, NEXT));
    await use(coturn);
    await coturn.stop();
  },
  server: async ({ coturn }, use) => {
    const server = await Server.start(0, [], turnOf(coturn, SECRET));
    await use(server);
    await server.stop();
  },
});

/** What was told of addresses: the kinds of candidates, and every address that stands anywhere. */
function told(signals: readonly string[]): { kinds: Set<string>; addresses: Set<string> } {
  const text = signals.join('\n');
  const found = (pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, group = '']) => group));
  const addresses = found(/(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])/g);
  for (const name of found(/(\S+\.local|(?<= )(?:[\da-f]{0,4}:){2,7}[\da-f]{0,4}(?= \d))/gi)) addresses.add(name);
  return { kinds: found(/ typ (\w+)/g), addresses };
}

/** Alice and Bob hide their addresses, and remember what they are told of the other's. */
async function hideBoth(server: Server, alice: Person, bob: Person): Promise<void> {
  for (const person of [alice, bob]) {
    await person.keepSignals();
    await person.open(server.url);
    await person.hideAddress();
  }
}

async function bothSeeRelayed(alice: Person, bob: Person): Promise<void> {
  await expect(await bob.personOf(alice)).toHaveAttribute('data-path', 'relayed');
  await expect(await alice.personOf(bob)).toHaveAttribute('data-path', 'relayed');
}

test('both hide: a file goes through the relay on several lanes, and neither is told an address but the relay’s', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const film = await makeFile('film.mp4', 20 * MiB);
  await hideBoth(server, alice, bob);
  await bob.enter(alice, await alice.offer(film.path));
  await bothSeeRelayed(alice, bob);
  await bob.accept('film.mp4');
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
  for (const person of [alice, bob]) {
    const heard = await person.heardSignals();
    expect(heard.filter((signal) => signal.startsWith('v=0')).length, 'lanes too').toBeGreaterThan(1);
    // The relay is on loopback here, and no browser gives a loopback address as its own.
    expect(told(heard)).toEqual({ kinds: new Set(['relay']), addresses: new Set(['0.0.0.0', '127.0.0.1']) });
  }
});

test('one hides: the other shows what they have, and both see that it is relayed', async ({ server, alice, bob }) => {
  for (const person of [alice, bob]) await person.keepSignals();
  await bob.open(server.url);
  await bob.hideAddress();
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(small));
  await bothSeeRelayed(alice, bob);
  await bob.accept('a.txt');
  await bob.sees('a.txt', 'verified');
  expect(told(await alice.heardSignals()).kinds).toEqual(new Set(['relay']));
  // That these were told shows that the recording sees them.
  expect(told(await bob.heardSignals()).kinds).toContain('host');
});

test('a browser that gives all its addresses all the same: none leaves', async ({ server, alice, bob }) => {
  await bob.page.addInitScript(() => {
    const given: string[] = [];
    Object.assign(window, { given });
    window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
      construct(target, [config]: [RTCConfiguration?], made) {
        const connection = Reflect.construct(
          target,
          [{ ...config, iceTransportPolicy: 'all' }],
          made,
        ) as RTCPeerConnection;
        connection.addEventListener('icecandidate', ({ candidate }) => given.push(candidate?.candidate ?? ''));
        return connection;
      },
    });
  });
  await hideBoth(server, alice, bob);
  await bob.enter(alice, await alice.offer(small));
  await bob.accept('a.txt');
  await bob.sees('a.txt', 'verified');
  const given = await bob.page.evaluate(() => Reflect.get(window, 'given') as string[]);
  expect(told(given).kinds).toContain('host');
  expect(told(await alice.heardSignals())).toEqual({
    kinds: new Set(['relay']),
    addresses: new Set(['0.0.0.0', '127.0.0.1']),
  });
});

test('without hiding nothing is relayed that need not be', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(small));
  await expect(await bob.personOf(alice)).toHaveAttribute('data-path', 'direct');
});

test('it is remembered on this device, and switched off again', async ({ server, alice }) => {
  await alice.open(server.url);
  await alice.hideAddress();
  await expect.poll(async () => JSON.stringify(await alice.records())).toContain('"relayOnly":true');
  await alice.page.reload();
  await expect(alice.page.getByTestId('relay-only')).toBeChecked();
  await alice.hideAddress(false);
  await expect.poll(async () => JSON.stringify(await alice.records())).toContain('"relayOnly":false');
});

test('the next secret is taken as the first was', async ({ coturn, alice, bob }) => {
  const server = await Server.start(0, [], turnOf(coturn, NEXT, SECRET));
  await hideBoth(server, alice, bob);
  await bob.enter(alice, await alice.offer(small));
  await bothSeeRelayed(alice, bob);
  await server.stop();
});

test('a relay that refuses the credentials: both are told there is none, and no address leaves', async ({
  coturn,
  alice,
  bob,
}) => {
  const server = await Server.start(0, [], turnOf(coturn, 'a-secret-coturn-does-not-know'));
  await hideBoth(server, alice, bob);
  const link = await alice.offer(small);
  await bob.open(link);
  await Promise.all([alice.seesNotice('no-relay'), bob.seesNotice('no-relay')]);
  for (const person of [alice, bob]) expect(told(await person.heardSignals()).kinds).toEqual(new Set());
  await server.stop();
});

test('a server without a relay: who hides is told at once and nothing is tried another way; who does not cannot begin to', async ({
  server,
  alice,
  bob,
}) => {
  await hideBoth(server, alice, bob);
  await bob.hideAddress(false);
  await server.stop();
  const without = await Server.start(server.port);
  const link = await alice.offer(small);
  await alice.seesNotice('no-relay');
  await bob.open(link);
  await bob.isIn('waiting');
  const toggle = bob.page.getByTestId('relay-only');
  await expect(toggle).toBeDisabled();
  await expect(bob.page.getByTestId('device')).toContainText('This server has no relay');
  // Her page answers his dial, and says nothing of where it is.
  await expect.poll(async () => (await bob.heardSignals()).length, { timeout: 30_000 }).toBeGreaterThan(0);
  expect(told(await bob.heardSignals())).toEqual({ kinds: new Set(), addresses: new Set(['0.0.0.0']) });
  // She changes her mind, and the next dial succeeds.
  await alice.hideAddress(false);
  await bob.isIn('knocking', 30_000);
  await expect(alice.page.locator('[data-code=no-relay]')).toHaveCount(0);
  await without.stop();
});
