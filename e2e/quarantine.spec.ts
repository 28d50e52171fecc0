// What is received waits until it was looked at, and what could harm is saved only by somebody who was told so.

import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from './fixtures.ts';
import type { Person } from './person.ts';
import { EICAR_HALVES } from '../src/safety/eicar.ts';

const MiB = 1024 * 1024;
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/** As a Windows program begins. */
function program(size: number): Buffer {
  const content = randomBytes(size);
  content.fill(0, 0, 72);
  content.write('MZ');
  content.writeUInt32LE(64, 60);
  content.write('PE\0\0', 64);
  return content;
}

const picked = (name: string, mimeType: string, buffer: Buffer) => ({ name, mimeType, buffer });

/** Opens the drawer this device's settings are in, and gives it a list. */
async function givesList(person: Person, list: string): Promise<void> {
  const device = person.page.getByTestId('device');
  if ((await device.getAttribute('open')) === null) await device.locator('summary').click();
  await person.page
    .getByTestId('deny-list')
    .setInputFiles({ name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from(list) });
}

test('a program named .jpg stops at its first piece and asks; gone on with, it is saved by a second yes only', async ({
  server,
  alice,
  bob,
}) => {
  const content = program(24 * MiB);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(picked('photo.jpg', 'image/jpeg', content)));
  const row = bob.incoming('photo.jpg');
  await expect(row).toHaveAttribute('data-risk', 'ordinary');
  await bob.accept('photo.jpg');
  await bob.sees('photo.jpg', 'paused');
  await expect(row).toHaveAttribute('data-risk', 'dangerous');
  await expect(row.getByTestId('warning')).toHaveText('Looks like a Windows program, named .jpg.');
  await alice.seesDelivery('photo.jpg', 'paused');

  await expect(row.getByTestId('resume')).toHaveText(/Go on anyway/);
  await row.getByTestId('resume').click();
  await bob.sees('photo.jpg', 'verified');
  await row.getByTestId('save').click();
  await expect(row.getByTestId('save-question')).toContainText('can harm your device');
  await row.getByTestId('save-not').click();
  expect((await bob.saveAnyway('photo.jpg')).sha256).toBe(sha256(content));
  await bob.sees('photo.jpg', 'saved');
});

test('what is dangerous is never among all: it takes a yes of its own, and another to be saved', async ({
  server,
  alice,
  bob,
}) => {
  const files = ['a.txt', 'b.txt'].map((name) => picked(name, 'text/plain', Buffer.from(name)));
  const tool = program(1_000);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(...files, picked('tool.exe', '', tool), picked('other.exe', '', tool)));
  await bob.page.getByTestId('accept-all').click();
  await bob.sees('b.txt', 'verified');
  await bob.sees('tool.exe', 'offered');
  for (const name of ['tool.exe', 'other.exe']) {
    await bob.accept(name);
    await bob.sees(name, 'verified');
  }
  await expect(bob.page.getByTestId('save-all')).toHaveText('Save 2 as a ZIP');
  expect((await bob.saveAnyway('tool.exe')).sha256).toBe(sha256(tool));
  await bob.incoming('other.exe').getByTestId('throw-away').click();
  await bob.sees('other.exe', 'declined');
  await alice.seesDelivery('other.exe', 'verified');
});

test('a file a scanner knows is held back, and saved only by its name', async ({ server, alice, bob }) => {
  const eicar = Buffer.from(EICAR_HALVES.join(''));
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(picked('notes.txt', 'text/plain', eicar)));
  await bob.accept('notes.txt');
  await bob.sees('notes.txt', 'verified');
  const row = bob.incoming('notes.txt');
  await expect(row.getByTestId('found')).toHaveText(/EICAR test file/);
  await expect(row).toHaveAttribute('data-risk', 'dangerous');
  await row.getByTestId('save').click();
  const anyway = row.getByTestId('save-anyway');
  await expect(anyway).toBeDisabled();
  for (const typed of ['notes', 'NOTES.TXT', ' notes.txt']) {
    await row.getByTestId('type-name').fill(typed);
    await row.getByTestId('type-name').press('Enter');
    await expect(anyway).toBeDisabled();
  }
  await row.getByTestId('save-not').click();
  expect((await bob.saveAnyway('notes.txt', 'notes.txt')).sha256).toBe(sha256(eicar));
});

test('a list of files that are not wanted finds them under any name, and outlives the page', async ({
  server,
  alice,
  bob,
}) => {
  const unwanted = randomBytes(3 * MiB);
  const fine = Buffer.from('fine');
  await bob.open(server.url);
  await givesList(bob, sha256(fine));
  await expect(bob.page.getByTestId('denied')).toContainText('a list of 1 file');
  await bob.page.getByTestId('deny-nothing').click();
  await expect(bob.page.getByTestId('denied')).not.toContainText('a list of');
  await givesList(bob, `# not here\n${sha256(unwanted).toUpperCase()}  something.bin\n`);
  await expect(bob.page.getByTestId('denied')).toContainText('a list of 1 file');
  await givesList(bob, `${sha256(fine)}\nthis is no list\n`);
  await bob.seesNotice('bad-deny-list');
  await expect(bob.page.getByTestId('notice')).toContainText('Line 2');
  await expect(bob.page.getByTestId('denied')).toContainText('a list of 1 file');

  await alice.open(server.url);
  const link = await alice.offer(picked('new name.bin', '', unwanted), picked('fine.txt', 'text/plain', fine));
  // Another life of the page: the list is still there.
  await bob.enter(alice, link);
  for (const name of ['new name.bin', 'fine.txt']) {
    await bob.accept(name);
    await bob.sees(name, 'verified');
  }
  await expect(bob.incoming('new name.bin').getByTestId('found')).toHaveText(/list of files you do not want/);
  expect((await bob.save('fine.txt')).sha256).toBe(sha256(fine));
  expect((await bob.saveAnyway('new name.bin', 'new name.bin')).sha256).toBe(sha256(unwanted));
});
