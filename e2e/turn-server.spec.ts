// What the real coturn makes of the credentials our server mints, and of requests for what it must not relay to.

import { turnCredentials } from '../signaling/turn.ts';
import { asDocumented, Coturn, withSecrets } from './coturn.ts';
import { expect, test as base } from './fixtures.ts';
import { TurnClient, type Credentials } from './turn-client.ts';

const SECRET = 'the-secret-of-these-tests';
const NEXT = 'the-next-secret-of-them';
const FORBIDDEN = 403;
const UNAUTHORIZED = 401;
const QUOTA_REACHED = 486;
const seconds = () => Math.floor(Date.now() / 1000);

const test = base.extend<{
  start: (configuration: ReturnType<typeof withSecrets>) => Promise<Coturn>;
  client: (coturn: Coturn, credentials: Credentials) => TurnClient;
}>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of this pattern
  start: async ({}, use) => {
    const started: Coturn[] = [];
    await use(async (configuration) => {
      const coturn = await Coturn.start(configuration);
      started.push(coturn);
      return coturn;
    });
    for (const coturn of started) await coturn.stop();
  },
  // eslint-disable-next-line no-empty-pattern -- as above
  client: async ({}, use) => {
    const opened: TurnClient[] = [];
    await use(({ port }, credentials) => {
      const client = new TurnClient(port, credentials);
      opened.push(client);
      return client;
    });
    for (const client of opened) client.close();
  },
});

test('credentials are taken, also of the next secret; forged, expired and altered ones are not', async ({
  start,
  client,
}) => {
  const coturn = await start(withSecrets(SECRET, NEXT));
  const inAMinute = seconds() + 60;
  const good = turnCredentials(SECRET, inAMinute);
  const outcomes = [
    good,
    turnCredentials(NEXT, inAMinute),
    turnCredentials('a-secret-of-somebody-else', inAMinute),
    turnCredentials(SECRET, seconds() - 60),
    // The expiry is what is signed.
    { ...good, username: good.username.replace(/^\d+/, String(inAMinute + 3_600)) },
    { username: 'doorstep', credential: 'for tests only' },
  ].map((credentials) => client(coturn, credentials).allocate());
  expect(await Promise.all(outcomes)).toEqual([0, 0, UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED]);
});

test('a secret that is no longer there mints nothing', async ({ start, client }) => {
  const coturn = await start(withSecrets(NEXT));
  const [old, next] = [SECRET, NEXT].map((secret) => client(coturn, turnCredentials(secret, seconds() + 60)));
  expect([await old?.allocate(), await next?.allocate()]).toEqual([UNAUTHORIZED, 0]);
});

test('what was begun goes on when the credentials have expired', async ({ start, client }) => {
  const coturn = await start(withSecrets(SECRET));
  const expiry = seconds() + 2;
  const credentials = turnCredentials(SECRET, expiry);
  const early = client(coturn, credentials);
  expect(await early.allocate()).toBe(0);
  await expect.poll(() => seconds()).toBeGreaterThan(expiry);
  expect([await early.refresh(), await early.permit('192.0.2.1')]).toEqual([0, 0]);
  expect(await client(coturn, credentials).allocate(), 'and nothing is begun with them').toBe(UNAUTHORIZED);
});

const forbidden = {
  4: [
    '0.0.0.0',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.0.1',
    '192.168.255.255',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.251',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
  ],
  6: [
    '::',
    '::1',
    '::10.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:8.8.8.8',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::10.0.0.1',
    '100::1',
    '2001::1',
    '2001:2::1',
    '2001:db8::1',
    '2002:a00:1::1',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd12:3456:789a::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::fb',
    'ff0e::1',
  ],
} as const;
/** Next to what is forbidden, and some that are simply elsewhere. Nothing is sent there. */
const allowed = {
  4: ['1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '172.32.0.0', '223.255.255.255'],
  6: ['2000::1', '2001:200::1', '2003::1', '2606:4700::1', '3ffe:ffff::1'],
} as const;

for (const family of [4, 6] as const) {
  test(`configured as documented it relays to public IPv${family} addresses only`, async ({ start, client }) => {
    const coturn = await start(asDocumented(SECRET));
    const turn = client(coturn, turnCredentials(SECRET, seconds() + 60));
    expect(await turn.allocate(family)).toBe(0);
    const outcomes: [string, number][] = [];
    for (const address of [...forbidden[family], ...allowed[family]])
      outcomes.push([address, await turn.permit(address)]);
    expect(outcomes).toEqual([
      ...forbidden[family].map((address) => [address, FORBIDDEN]),
      ...allowed[family].map((address) => [address, 0]),
    ]);
  });
}

test('configured as documented it takes only what our server mints', async ({ start, client }) => {
  const coturn = await start(asDocumented(SECRET));
  const own = client(coturn, turnCredentials(SECRET, seconds() + 60));
  const forged = client(coturn, turnCredentials(NEXT, seconds() + 60));
  expect([await own.allocate(), await forged.allocate()]).toEqual([0, UNAUTHORIZED]);
});

test('configured as documented one browser has a hundred allocations and no more, and another its own', async ({
  start,
  client,
}) => {
  const coturn = await start(asDocumented(SECRET));
  const minted = () => turnCredentials(SECRET, seconds() + 60);
  const one = minted();
  const outcomes: number[] = [];
  for (let n = 0; n < 102; n++) outcomes.push(await client(coturn, one).allocate());
  expect(outcomes).toEqual([...Array<number>(100).fill(0), QUOTA_REACHED, QUOTA_REACHED]);
  expect(await client(coturn, minted()).allocate()).toBe(0);
});
