// Drop a file, send the link, say yes, save it.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from './fixtures.ts';

const MiB = 1024 * 1024;

test('one file is accepted and saved whole, another is declined and sends no byte', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const wanted = await makeFile('wanted.bin', 5 * MiB);
  const unwanted = await makeFile('unwanted.txt', 3 * MiB);
  await alice.keepChannelsOnPage();
  await alice.open(server.url);
  const link = await alice.offer(wanted.path, unwanted.path);
  await bob.enter(alice, link);
  await bob.sees('wanted.bin', 'offered');
  expect(new URL(bob.page.url()).hash, 'the secret is taken out of the address bar').toBe('');
  await bob.decline('unwanted.txt');
  await bob.accept('wanted.bin');
  await bob.sees('wanted.bin', 'verified');
  await alice.seesDelivery('wanted.bin', 'verified');
  await alice.seesDelivery('unwanted.txt', 'declined');
  await bob.sees('unwanted.txt', 'declined');
  expect(await bob.save('wanted.bin')).toEqual({ name: 'wanted.bin', sha256: wanted.sha256, size: wanted.size });
  await bob.sees('wanted.bin', 'saved');
  const sent = await alice.dataBytes();
  expect(sent, 'the accepted file and its headers, and nothing of the declined one').toBeGreaterThan(wanted.size);
  expect(sent).toBeLessThan(wanted.size + 0.5 * MiB);
});

test('files dropped on the page are reviewed like chosen ones, private ones unticked', async ({
  server,
  alice,
  bob,
}) => {
  await alice.open(server.url);
  const transfer = await alice.page.evaluateHandle(() => {
    const made = new DataTransfer();
    made.items.add(new File(['hello'], 'dropped.txt', { type: 'text/plain' }));
    made.items.add(new File(['KEY=1'], '.env'));
    return made;
  });
  await alice.page.getByTestId('drop-zone').dispatchEvent('drop', { dataTransfer: transfer });
  const row = (path: string) => alice.page.locator(`[data-testid=review-file][data-path="${path}"]`);
  await expect(row('dropped.txt')).toHaveAttribute('data-ticked', 'true');
  await expect(row('.env')).toHaveAttribute('data-ticked', 'false');
  await expect(row('.env')).toHaveAttribute('data-warning', 'secret');
  await alice.page.getByTestId('offer-files').click();
  await bob.enter(alice, await alice.page.getByTestId('share-link').inputValue());
  await bob.accept('dropped.txt');
  await bob.sees('dropped.txt', 'verified');
  await expect(bob.page.getByTestId('incoming-file')).toHaveCount(1);
  expect((await bob.save('dropped.txt')).size).toBe(5);
});

test('every size at the edges of a piece arrives whole', async ({ server, alice, bob, makeFile }) => {
  const sizes = [0, 1, MiB - 1, MiB, MiB + 1, 5 * MiB];
  const files = await Promise.all(sizes.map((size) => makeFile(`${size} bytes.txt`, size)));
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(...files.map(({ path }) => path)));
  await bob.page.getByTestId('accept-all').click();
  for (const { name, sha256, size } of files) {
    await bob.sees(name, 'verified');
    expect(await bob.save(name)).toEqual({ name, sha256, size });
    await alice.seesDelivery(name, 'verified');
  }
});

test('names with spaces, emoji and 200 characters are kept, bad ones are made safe', async ({ server, alice, bob }) => {
  const long = `${'n'.repeat(196)}.txt`;
  const names = [
    'a   b c.txt',
    'holiday 🏝️ 👩‍👩‍👧.txt',
    long,
    'CON.txt',
    '.profile',
    'x<y>:"z".txt',
    'invoice\u202Etxt.exe',
  ];
  const safe = ['a b c.txt', 'holiday 🏝️ 👩‍👩‍👧.txt', long, '_CON.txt', '_profile', 'x_y___z_.txt', 'invoicetxt.exe'];
  const contents = Buffer.from('the same in each');
  await alice.open(server.url);
  await alice.review(...names.map((name) => ({ name, mimeType: 'text/plain', buffer: contents })));
  await alice.page.locator('[data-testid=review-file][data-path=".profile"] input').check();
  await alice.page.getByTestId('offer-files').click();
  await bob.enter(alice, await alice.page.getByTestId('share-link').inputValue());
  for (const name of safe) {
    await bob.accept(name);
    await bob.sees(name, 'verified');
    // Chromium itself writes `_` for the joiner inside a joined emoji.
    const saved = await (name.endsWith('.exe') ? bob.saveAnyway(name) : bob.save(name));
    expect(saved.name).toBe(name.replaceAll('\u200d', '_'));
  }
  await expect(bob.incoming('invoicetxt.exe')).toHaveAttribute('data-risk', 'dangerous');
});

test('256 MiB arrive whole, with percent, speed and time left on the way', async ({ server, alice, bob, makeFile }) => {
  const film = await makeFile('film.mp4', 256 * MiB);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path));
  await bob.accept('film.mp4');
  await expect(bob.incoming('film.mp4')).toContainText(/\d+ % · [\d.]+ MB\/s · \d+ (s|min) left/);
  await expect(alice.outgoing('film.mp4')).toContainText(/\d+ % · [\d.]+ MB\/s/);
  const progress = bob.incoming('film.mp4').getByTestId('progress');
  expect(Number(await progress.getAttribute('aria-valuenow'))).toBeLessThan(100);
  await bob.sees('film.mp4', 'verified', 100_000);
  expect(await bob.save('film.mp4')).toEqual({ name: 'film.mp4', sha256: film.sha256, size: film.size });
});

test('three people: each takes what they like, at the same time', async ({ server, alice, bob, carol, makeFile }) => {
  const one = await makeFile('one.txt', 3 * MiB);
  const two = await makeFile('two.txt', 4 * MiB);
  await alice.open(server.url);
  const link = await alice.offer(one.path, two.path);
  await bob.enter(alice, link);
  await carol.enter(alice, link);
  await Promise.all([bob.accept('one.txt'), carol.accept('two.txt')]);
  await carol.accept('one.txt');
  await bob.decline('two.txt');
  await Promise.all([
    bob.sees('one.txt', 'verified'),
    carol.sees('one.txt', 'verified'),
    carol.sees('two.txt', 'verified'),
  ]);
  expect((await bob.save('one.txt')).sha256).toBe(one.sha256);
  expect((await carol.save('one.txt')).sha256).toBe(one.sha256);
  expect((await carol.save('two.txt')).sha256).toBe(two.sha256);
  const deliveries = (name: string) => alice.outgoing(name).getByTestId('delivery');
  await expect(deliveries('one.txt')).toHaveCount(2);
  await expect(deliveries('two.txt').and(alice.page.locator('[data-state=declined]'))).toHaveCount(1);
  await expect(deliveries('two.txt').and(alice.page.locator('[data-state=verified]'))).toHaveCount(1);
});

test('a guest offers too: those who are there at once, a later arrival when asked', async ({
  server,
  alice,
  bob,
  carol,
  makeFile,
}) => {
  const hello = await makeFile('hello.txt', 10);
  const back = await makeFile('back.txt', 2 * MiB);
  await alice.open(server.url);
  const link = await alice.offer(hello.path);
  await bob.enter(alice, link);
  await bob.isIn('inside');
  await bob.offer(back.path);
  await alice.accept('back.txt');
  await alice.sees('back.txt', 'verified');
  expect((await alice.save('back.txt')).sha256).toBe(back.sha256);
  await carol.enter(alice, link);
  await carol.sees('hello.txt', 'offered');
  await expect(carol.incoming('back.txt')).toHaveCount(0);
  await bob.page.getByTestId('offer-too').click();
  await carol.sees('back.txt', 'offered');
});

test('withdraw, pause, cancel and undo each do what they say', async ({ server, alice, bob, makeFile }) => {
  const files = await Promise.all(
    ['gone.txt', 'kept.txt', 'stopped.txt', 'second.txt'].map((name, i) => makeFile(name, (i + 1) * 12 * MiB)),
  );
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(...files.map(({ path }) => path)));
  await bob.sees('gone.txt', 'offered');
  await alice.outgoing('gone.txt').getByTestId('withdraw').click();
  await bob.sees('gone.txt', 'withdrawn');

  await bob.accept('stopped.txt');
  await bob.sees('stopped.txt', 'receiving');
  await bob.incoming('stopped.txt').getByTestId('cancel').click();
  await bob.sees('stopped.txt', 'declined');
  await alice.seesDelivery('stopped.txt', 'failed');

  await bob.decline('second.txt');
  await bob.incoming('second.txt').getByTestId('undo').click();
  await bob.sees('second.txt', 'offered');

  await bob.accept('kept.txt');
  await bob.incoming('kept.txt').getByTestId('pause').click();
  await bob.sees('kept.txt', 'paused');
  await alice.seesDelivery('kept.txt', 'paused');
  await bob.incoming('kept.txt').getByTestId('resume').click();
  await bob.sees('kept.txt', 'verified');
  expect((await bob.save('kept.txt')).sha256).toBe(files[1]?.sha256);
});

test('a browser that cannot move channels to a worker pumps them through the page', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const file = await makeFile('pumped.txt', 9 * MiB);
  await Promise.all([alice.keepChannelsOnPage(), bob.keepChannelsOnPage()]);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(file.path));
  await bob.accept('pumped.txt');
  await bob.sees('pumped.txt', 'verified');
  expect((await bob.save('pumped.txt')).sha256).toBe(file.sha256);
});

test('without a private file system files wait in memory, and the page says so', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const file = await makeFile('small.txt', 3 * MiB);
  await bob.breakStaging();
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(file.path));
  await bob.seesNotice('memory-only');
  await bob.accept('small.txt');
  await bob.sees('small.txt', 'verified');
  expect((await bob.save('small.txt')).sha256).toBe(file.sha256);
});

test('a chosen folder is a reviewed tree: hidden and secret files stay unless ticked, paths travel', async ({
  server,
  alice,
  bob,
}, testInfo) => {
  const folder = testInfo.outputPath('album');
  const files = { 'one.txt': '1', 'summer/two.txt': '22', '.git/config': 'hidden', 'keys/id_rsa': 'secret' };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  await alice.open(server.url);
  await alice.page.getByTestId('folder-input').setInputFiles(folder);
  const ticked = await alice.page
    .getByTestId('review-file')
    .evaluateAll((rows) =>
      rows.map((row) => [row.getAttribute('data-path'), row.getAttribute('data-ticked')].join(' ')).sort(),
    );
  expect(ticked).toEqual([
    'album/.git/config false',
    'album/keys/id_rsa false',
    'album/one.txt true',
    'album/summer/two.txt true',
  ]);
  await alice.page.getByTestId('offer-files').click();
  await bob.enter(alice, await alice.page.getByTestId('share-link').inputValue());
  await bob.accept('two.txt');
  await bob.sees('two.txt', 'verified');
  await expect(bob.page.getByTestId('incoming-file')).toHaveCount(2);
  await expect(bob.incoming('two.txt')).toContainText('album/summer/');
  expect((await bob.save('two.txt')).size).toBe(2);
});
