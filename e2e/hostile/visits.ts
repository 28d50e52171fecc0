// Many rooms at once: alice hosts each in a tab of its own, and a guest comes to each in a tab of theirs, so that a dozen
// attacks take no longer than one.

import { createHash } from 'node:crypto';
import type { Page } from '@playwright/test';
import { expect, test as base } from '../fixtures.ts';
import type { Person } from '../person.ts';
import { HostileServer, type Attack } from './server.ts';

export const note = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('not for mallory') };
const sha256OfNote = createHash('sha256').update(note.buffer).digest('hex');
const TOLD_MS = 15_000;

export const test = base.extend<{ listening: HostileServer; hostile: HostileServer }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of this pattern
  listening: async ({}, use) => {
    const server = await HostileServer.start();
    await use(server);
    await server.stop();
  },
  // It attacks no longer than people are there: `invite` is named so that they leave after the attacks have ended, and
  // the server stops after them.
  hostile: async ({ listening, invite: _people }, use) => {
    await use(listening);
    await listening.holdFire();
    expect(listening.faults).toEqual([]);
  },
});

/** The same person in another tab of their browser. */
export async function anotherTab(person: Person): Promise<Person> {
  const page = await person.context.newPage();
  page.on('pageerror', (error) => person.complaints.push(`${person.name}: ${error.message}`));
  page.on('console', (message) => person.complaints.push(`${person.name}: ${message.type()} ${message.text()}`));
  return Object.create(person, { page: { value: page } }) as Person;
}

export interface Hosted {
  readonly host: Person;
  readonly link: string;
}

/** A room of its own, which nobody attacks yet. */
export async function hosts(person: Person, server: HostileServer): Promise<Hosted> {
  const host = await anotherTab(person);
  await host.open(server.url);
  const link = await host.offer(note);
  await host.isIn('waiting');
  return { host, link };
}

/** Somebody new comes to a room that is attacked from now on. */
export async function visits(guest: Person, { link }: Hosted, server: HostileServer, attack: Attack): Promise<Person> {
  const tab = await anotherTab(guest);
  await server.attack(link, attack);
  await tab.open(link);
  return tab;
}

/** Says of this mode, and goes on to the others, when somebody kept apart is not told so in time. */
export async function isTold(mode: string, { page }: Pick<Person, 'page'>, code?: string): Promise<void> {
  const notice = page.locator(code ? `[data-testid=notice][data-code=${code}]` : '[data-testid=notice]');
  await expect.soft(notice.first(), `${mode}: is told`).toBeVisible({ timeout: TOLD_MS });
}

/** Holds that this page has a link to nobody, waits for nobody's yes, and shows nothing of the room. */
export async function hasMetNobody(mode: string, { page }: { page: Page }): Promise<void> {
  await expect.soft(page.locator('[data-testid=person][data-state=ready]'), `${mode}: nobody is ready`).toHaveCount(0);
  await expect.soft(page.getByTestId('knock'), `${mode}: nobody knocks`).toHaveCount(0);
  await expect.soft(page.getByTestId('incoming-file'), `${mode}: no file is shown`).toHaveCount(0);
  await expect.soft(page.getByTestId('room-state'), `${mode}: waits`).toHaveAttribute('data-state', 'waiting');
}

/** Holds that a guest is let in by the one real host, and that a file comes out as it went in. */
export async function isLetInAndServed(mode: string, guest: Person, { host }: Hosted): Promise<void> {
  await guest.isIn('knocking', TOLD_MS);
  await host.letIn(guest);
  await expect(await host.personOf(guest), mode).toHaveAttribute('data-state', 'ready');
  await guest.accept(note.name);
  await guest.sees(note.name, 'verified');
  const { sha256 } = await guest.save(note.name);
  expect(sha256, mode).toBe(sha256OfNote);
  for (const { page } of [guest, host]) {
    await expect(page.locator('[data-testid=person][data-state=ready]'), mode).toHaveCount(1);
  }
}
