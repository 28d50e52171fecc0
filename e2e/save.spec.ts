// Out of staging: as a download or to a chosen file, alone or together, under the same names; and what is left here then.

import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from './fixtures.ts';
import type { Person } from './person.ts';
import { readZip } from './zip.ts';

const MiB = 1024 * 1024;
const HOUR_MS = 60 * 60_000;

const text = (name: string, content = `this is ${name}`) => ({
  ...{ name, mimeType: 'text/plain', buffer: Buffer.from(content) },
});

/** Saves all that is here; the ZIP's path. */
async function saveAll(person: Person): Promise<string> {
  const [download] = await Promise.all([
    person.page.waitForEvent('download'),
    person.page.getByTestId('save-all').click(),
  ]);
  expect(download.suggestedFilename()).toBe('doorstep.zip');
  return download.path();
}

test('several files are saved as one ZIP', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(text('a.txt'), text('b.txt')));
  await bob.page.getByTestId('accept-all').click();
  await bob.sees('a.txt', 'verified');
  await bob.sees('b.txt', 'verified');
  expect(readZip(await saveAll(bob))).toEqual({ 'a.txt': 'this is a.txt', 'b.txt': 'this is b.txt' });
  await bob.sees('a.txt', 'saved');
  await bob.sees('b.txt', 'saved');
});

test('a folder with nasty names: the same names alone, together and unpacked', async ({
  server,
  alice,
  bob,
}, testInfo) => {
  const folder = testInfo.outputPath('album');
  const names = [
    'CON.txt',
    'x<y>.txt',
    'invoice\u202Etxt.pdf',
    'two  spaces .txt',
    'one/a.txt',
    'two/A.txt',
    'one/x',
    'x/y.txt',
  ];
  for (const path of [...names, 'empty.txt']) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), path === 'empty.txt' ? '' : path);
  }
  await alice.open(server.url);
  await alice.page.getByTestId('folder-input').setInputFiles(folder);
  await alice.page.getByTestId('offer-files').click();
  await bob.enter(alice, await alice.page.getByTestId('share-link').inputValue());
  const rows = bob.page.getByTestId('incoming-file');
  await expect(rows).toHaveCount(names.length + 1);
  const shown = await rows.evaluateAll((list) => list.map((row) => row.getAttribute('data-name') ?? ''));
  const alone: string[] = [];
  for (const name of shown) {
    await bob.accept(name);
    await bob.sees(name, 'verified');
    alone.push((await bob.save(name)).name);
  }
  expect(alone).toEqual(shown);
  const path = await saveAll(bob);
  const unpacked = testInfo.outputPath('unpacked');
  execFileSync('unzip', ['-q', path, '-d', unpacked]);
  const zip = readZip(path);
  expect(Object.keys(zip).map((name) => name.split('/').at(-1))).toEqual(shown);
  expect(Object.values(zip).sort()).toEqual([...names, ''].sort());
  const expected = [
    ...['album/_CON.txt', 'album/x_y_.txt', 'album/invoicetxt.pdf', 'album/two spaces .txt', 'album/empty.txt'],
    ...['album/one/a.txt', 'album/two/A.txt', 'album/one/x', 'album/x (2)/y.txt'],
  ];
  // Which of the two came first, the browser decides.
  const second = Object.keys(zip).filter((name) => / \(2\)\.txt$/.test(name));
  expect(second).toHaveLength(1);
  expect(
    Object.keys(zip)
      .map((name) => name.replace(' (2).txt', '.txt'))
      .sort(),
  ).toEqual(expected.sort());
});

test('a saved file waits until its space is freed', async ({ server, alice, bob, makeFile }) => {
  const [film, note] = [await makeFile('film.mp4', 5 * MiB), await makeFile('note.txt', 10)];
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path, note.path));
  for (const { name, sha256 } of [film, note]) {
    await bob.accept(name);
    await bob.sees(name, 'verified');
    await expect(bob.incoming(name).getByTestId('free-space'), 'not before it was saved').toHaveCount(0);
    expect((await bob.save(name)).sha256).toBe(sha256);
  }
  expect((await bob.save('film.mp4')).sha256, 'saved again').toBe(film.sha256);
  await bob.incoming('film.mp4').getByTestId('free-space').click();
  await expect(bob.incoming('film.mp4').getByTestId('save')).toHaveCount(0);
  await bob.sees('film.mp4', 'saved');
  // The note, and the mark that it was saved.
  await expect.poll(() => bob.stagedFiles()).toHaveLength(2);
  await bob.incoming('note.txt').getByTestId('free-space').click();
  await expect.poll(() => bob.stagedFiles()).toEqual(['.saved']);
});

/** Things nobody holds: when they are gone, a page that begins has swept. */
async function leaveLitter(person: Person): Promise<void> {
  await person.page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    // First and last, however they are listed.
    for (const folder of ['staging', 'partials']) {
      const parent = await root.getDirectoryHandle(folder);
      for (const name of ['0', 'z']) {
        if (folder === 'staging') await parent.getDirectoryHandle(name, { create: true });
        else await parent.getFileHandle(name, { create: true });
      }
    }
  });
}

test('a download of a page that is left can go on for an hour, what was not saved goes at once', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const [film, note] = [await makeFile('film.mp4', 5 * MiB), await makeFile('note.txt', 10)];
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path, note.path));
  for (const { name } of [film, note]) {
    await bob.accept(name);
    await bob.sees(name, 'verified');
    await bob.save(name);
  }
  await expect.poll(async () => (await bob.stagedFiles()).length).toBe(5);
  const staged = (await bob.stagedFiles()).sort();
  const litter = async (person: Person) => (await person.stagedFiles()).filter((name) => /^[0z]$/.test(name)).length;
  await leaveLitter(bob);
  const tab = await bob.newTab();
  await bob.page.close();
  await tab.open(server.url);
  await expect.poll(() => litter(tab)).toBe(0);
  expect((await tab.stagedFiles()).sort()).toEqual(staged);
  await tab.beginWorkersWith(`const now = Date.now; Date.now = () => now() + ${HOUR_MS};`);
  await tab.page.reload();
  await expect.poll(() => tab.stagedFiles()).toEqual([]);
});

/** Gives a browser a dialog that chooses a file of the private file system, or thinks better of it. */
async function chooses(person: Person): Promise<void> {
  await person.page.addInitScript(() => {
    Object.assign(window, {
      showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) => {
        if (Reflect.get(window, 'thinksBetterOfIt')) throw new DOMException('no', 'AbortError');
        const folder = await navigator.storage.getDirectory();
        return folder.getFileHandle(suggestedName, { create: true });
      },
    });
  });
}

/** SHA-256 of what was written there. */
function written(person: Person, name: string): Promise<string> {
  return person.page.evaluate(async (wanted) => {
    const file = await (await (await navigator.storage.getDirectory()).getFileHandle(wanted)).getFile();
    const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }, name);
}

test('a large file is written to where the person says, and freed at once', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const [film, note] = [await makeFile('film.mp4', 64 * MiB), await makeFile('note.txt', 10)];
  await chooses(bob);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path, note.path));
  for (const { name } of [film, note]) {
    await bob.accept(name);
    await bob.sees(name, 'verified');
  }
  await expect(bob.incoming('note.txt').getByTestId('save-to'), 'not worth a question').toHaveCount(0);
  const staged = await bob.stagedFiles();
  await bob.page.evaluate(() => Object.assign(window, { thinksBetterOfIt: true }));
  await bob.incoming('film.mp4').getByTestId('save-to').click();
  await bob.page.getByTestId('save-all-to').click();
  await expect(bob.page.getByTestId('save-all-to')).toBeEnabled();
  await bob.sees('film.mp4', 'verified');
  expect(await bob.stagedFiles()).toEqual(staged);
  await expect(bob.page.getByTestId('notice')).toHaveCount(0);

  await bob.page.evaluate(() => Object.assign(window, { thinksBetterOfIt: false }));
  await bob.incoming('film.mp4').getByTestId('save-to').click();
  await bob.sees('film.mp4', 'saved');
  expect(await written(bob, 'film.mp4')).toBe(film.sha256);
  await expect(bob.incoming('film.mp4').getByRole('button')).toHaveCount(0);
  // The note.
  await expect.poll(async () => (await bob.stagedFiles()).length).toBe(1);
});
