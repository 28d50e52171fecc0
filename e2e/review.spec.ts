// What leaves is looked at first: a folder is a tree, secrets are found by name and by content, and take a second yes.

import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Locator } from '@playwright/test';
import { expect, test } from './fixtures.ts';
import type { Person } from './person.ts';

/** A private key to look at, made of nothing: nobody's, and not in the tree. */
const KEY = [
  '-----BEGIN PRIVATE',
  ' KEY-----\n',
  'Zk3wQ9xT1mB7uE5rV2yN8cL6dJ4hG0aS'.repeat(4),
  '\n-----END PRIVATE',
  ' KEY-----\n',
].join('');

async function makeFolder(folder: string, files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

const row = (person: Person, kind: 'file' | 'folder', path: string): Locator =>
  person.page.locator(`[data-testid=review-${kind}][data-path=${JSON.stringify(path)}]`);

/** Paths of the ticked files that are to be seen. */
const ticked = async (person: Person): Promise<string[]> => {
  const rows = person.page.locator('[data-testid=review-file][data-ticked=true]');
  return (await rows.evaluateAll((all) => all.map((one) => one.getAttribute('data-path') ?? ''))).sort();
};

/** Drops a folder of this machine onto the page, as a hand would. */
async function drop(person: Person, folder: string): Promise<void> {
  const session = await person.context.newCDPSession(person.page);
  const data = { items: [], files: [folder], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 200, y: 200, data });
  }
}

const isLookedAt = (person: Person) =>
  expect(person.page.getByTestId('review-status')).toHaveAttribute('data-looking', '0');

test('a folder is ticked, unticked and closed as one, and never ticks what is left out of it', async ({
  server,
  alice,
}, testInfo) => {
  const folder = testInfo.outputPath('album');
  await makeFolder(folder, {
    'one.txt': '1',
    'summer/a.txt': 'a',
    'summer/b.txt': 'bb',
    '.git/config': 'x',
    '.env': 'A=1',
  });
  await alice.open(server.url);
  await alice.page.getByTestId('folder-input').setInputFiles(folder);
  const plain = ['album/one.txt', 'album/summer/a.txt', 'album/summer/b.txt'];
  await expect(row(alice, 'folder', 'album')).toHaveAttribute('data-ticked', 'all');
  await expect(row(alice, 'folder', 'album')).toContainText('3 of 5 files');
  await expect(row(alice, 'folder', 'album/.git')).toHaveAttribute('data-ticked', 'none');
  expect(await ticked(alice)).toEqual(plain);

  await row(alice, 'folder', 'album/summer').getByRole('checkbox').click();
  await expect(row(alice, 'folder', 'album')).toHaveAttribute('data-ticked', 'some');
  expect(await ticked(alice)).toEqual(['album/one.txt']);
  await row(alice, 'folder', 'album').getByRole('checkbox').click();
  await expect(row(alice, 'folder', 'album')).toHaveAttribute('data-ticked', 'all');
  expect(await ticked(alice)).toEqual(plain);
  await row(alice, 'folder', 'album').getByRole('checkbox').click();
  await expect(row(alice, 'folder', 'album').getByRole('checkbox')).not.toBeChecked();
  expect(await ticked(alice)).toEqual([]);
  await expect(alice.page.getByTestId('offer-files')).toBeDisabled();

  await row(alice, 'folder', 'album/summer').getByTestId('fold').click();
  await expect(row(alice, 'file', 'album/summer/a.txt')).toHaveCount(0);
  await row(alice, 'folder', 'album/summer').getByRole('checkbox').click();
  await row(alice, 'folder', 'album/summer').getByTestId('fold').click();
  expect(await ticked(alice)).toEqual(['album/summer/a.txt', 'album/summer/b.txt']);
  await expect(alice.page.getByTestId('offer-files')).toContainText('Offer 2 files');
});

test('a secret in an ordinary file is found, left out, and offered only after a second yes that says why', async ({
  server,
  alice,
  bob,
}) => {
  await alice.open(server.url);
  await alice.review(
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from(`For the server:\n${KEY}`) },
    { name: 'plain.txt', mimeType: 'text/plain', buffer: Buffer.from('nothing here') },
    { name: 'cert.pem', mimeType: '', buffer: Buffer.from(KEY.replaceAll('PRIVATE KEY', 'CERTIFICATE')) },
  );
  const notes = row(alice, 'file', 'notes.txt');
  await expect(notes).toHaveAttribute('data-warning', 'secret');
  await expect(notes).toHaveAttribute('data-ticked', 'false');
  await expect(notes).toContainText('It holds a private key (PEM)');
  // Named like a key, but what anyone may have.
  await expect(row(alice, 'file', 'cert.pem')).toHaveAttribute('data-ticked', 'true');
  await expect(row(alice, 'file', 'plain.txt')).toHaveAttribute('data-ticked', 'true');

  await notes.getByRole('checkbox').check();
  await alice.page.getByTestId('offer-files').click();
  await expect(alice.page.getByTestId('secret-file')).toHaveCount(1);
  await expect(alice.page.getByTestId('secret-file')).toContainText(/notes\.txt.*It holds a private key \(PEM\)/s);
  await expect(alice.page.getByTestId('room-state')).toHaveCount(0);

  await alice.page.getByTestId('leave-secrets').click();
  await expect(notes).toHaveAttribute('data-ticked', 'false');
  await notes.getByRole('checkbox').check();
  await alice.page.getByTestId('offer-files').click();
  await alice.page.getByTestId('confirm-secrets').click();
  await bob.enter(alice, await alice.page.getByTestId('share-link').inputValue());
  await expect(bob.page.getByTestId('incoming-file')).toHaveCount(3);
  await bob.accept('notes.txt');
  expect((await bob.save('notes.txt')).size).toBe(`For the server:\n${KEY}`.length);
});

test('nothing is offered before every file was looked into', async ({ server, alice }) => {
  // A browser that reads nothing until it is told to.
  await alice.page.addInitScript(() => {
    const read = Reflect.get(Blob.prototype, 'arrayBuffer');
    const told = new Promise<void>((go) => Object.assign(window, { go }));
    Blob.prototype.arrayBuffer = async function (this: Blob) {
      await told;
      return Reflect.apply(read, this, []);
    };
  });
  await alice.open(server.url);
  await alice.review({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from(KEY) });
  await expect(alice.page.getByTestId('review-status')).toContainText('Looking for passwords and keys in 1 file');
  await expect(alice.page.getByTestId('offer-files')).toBeDisabled();
  await alice.page.evaluate(() => {
    (Reflect.get(window, 'go') as () => void)();
  });
  await expect(row(alice, 'file', 'notes.txt')).toHaveAttribute('data-ticked', 'false');
  await isLookedAt(alice);
});

test('of 10,000 files a page is shown, a folder is ticked at once, and they can be offered', async ({
  server,
  alice,
}) => {
  await alice.open(server.url);
  // Dropped by the page itself: writing them to a disk is not what is tested.
  const transfer = await alice.page.evaluateHandle(() => {
    const made = new DataTransfer();
    for (let i = 0; i < 9_990; i++) made.items.add(new File([`file ${i}`], `file ${i}.txt`));
    for (let i = 0; i < 10; i++) made.items.add(new File(['A=1'], `.env.${i}`));
    return made;
  });
  await alice.page.getByTestId('drop-zone').dispatchEvent('drop', { dataTransfer: transfer });
  await expect(alice.page.getByTestId('review-file')).toHaveCount(100);
  await isLookedAt(alice);
  await alice.page.getByTestId('more').click();
  await expect(alice.page.getByTestId('review-file')).toHaveCount(200);
  await row(alice, 'file', 'file 0.txt').getByRole('checkbox').uncheck();
  await expect(alice.page.getByTestId('offer-files')).toContainText('Offer 9,989 files');
  await alice.page.getByTestId('offer-files').click();
  await alice.isIn('waiting');
});

test('a folder of 10,000 files is one tick, and what tools keep is closed', async ({ server, alice }, testInfo) => {
  const folder = testInfo.outputPath('site');
  const files: Record<string, string> = { 'index.md': 'hello' };
  for (let i = 0; i < 5_000; i++) files[`pages/${i % 50}/page ${i}.md`] = `page ${i}`;
  for (let i = 0; i < 5_000; i++) files[`node_modules/a${i % 50}/${i}.js`] = '';
  await makeFolder(folder, files);
  await alice.open(server.url);
  await alice.page.getByTestId('folder-input').setInputFiles(folder);
  await expect(row(alice, 'folder', 'site')).toContainText('5,001 of 10,001 files');
  await expect(row(alice, 'folder', 'site/node_modules')).toHaveAttribute('data-open', 'false');
  await isLookedAt(alice);
  await row(alice, 'folder', 'site').getByRole('checkbox').click();
  await expect(row(alice, 'folder', 'site')).toHaveAttribute('data-ticked', 'none');
  await row(alice, 'folder', 'site/node_modules').getByRole('checkbox').click();
  await expect(alice.page.getByTestId('offer-files')).toContainText('Offer 5,000 files');
  await row(alice, 'folder', 'site/node_modules').getByRole('checkbox').click();
  await row(alice, 'folder', 'site').getByRole('checkbox').click();
  await isLookedAt(alice);
  await expect(alice.page.getByTestId('offer-files')).toContainText('Offer 5,001 files');
});

test('a dropped folder keeps its empty folders all the way into the ZIP', async ({ server, alice, bob }, testInfo) => {
  const folder = testInfo.outputPath('album');
  await makeFolder(folder, { 'a.txt': 'a', 'summer/b.txt': 'b' });
  await mkdir(join(folder, 'later'));
  await mkdir(join(folder, 'summer', 'more'));
  await alice.open(server.url);
  await drop(alice, folder);
  const all = ['album/a.txt', 'album/later/', 'album/summer/b.txt', 'album/summer/more/'];
  await expect.poll(() => ticked(alice)).toEqual(all);
  await alice.page.getByTestId('offer-files').click();
  await bob.enter(alice, await alice.page.getByTestId('share-link').inputValue());
  await expect(bob.incoming('more')).toContainText('An empty folder');
  await bob.page.getByTestId('accept-all').click();
  for (const name of ['a.txt', 'b.txt', 'later', 'more']) await bob.sees(name, 'verified');
  await alice.seesDelivery('more/', 'verified');
  await expect(bob.incoming('more').getByTestId('save')).toHaveCount(0);
  const download = bob.page.waitForEvent('download');
  await bob.page.getByTestId('save-all').click();
  const listed = execFileSync('unzip', ['-Z1', await (await download).path()], { encoding: 'utf8' });
  expect(listed.trim().split('\n').sort()).toEqual(all);
});
