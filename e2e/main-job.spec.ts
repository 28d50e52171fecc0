// Drop a file, send the link, say yes, save it.

import { expect, test } from './fixtures.ts';

test('one file is accepted and saved whole, another is declined', async ({ server, alice, bob, makeFile }) => {
  const wanted = await makeFile('wanted.bin', 5 * 1024 * 1024);
  const unwanted = await makeFile('unwanted.txt', 1000);
  await alice.open(server.url);
  const link = await alice.offer(wanted.path, unwanted.path);
  await bob.open(link);
  await bob.sees('wanted.bin', 'offered');
  await bob.decline('unwanted.txt');
  await bob.accept('wanted.bin');
  await bob.sees('wanted.bin', 'verified');
  await alice.seesDelivery('wanted.bin', 'verified');
  await alice.seesDelivery('unwanted.txt', 'declined');
  expect(await bob.save('wanted.bin')).toEqual({ name: 'wanted.bin', sha256: wanted.sha256, size: wanted.size });
});
