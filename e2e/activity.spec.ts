// What each side can say afterwards.

import { readFile } from 'node:fs/promises';
import type { Person } from './person.ts';
import { expect, test } from './fixtures.ts';

/** The lines of a person's log, the newest first: what happened to which file. */
async function logOf(person: Person): Promise<string[]> {
  const log = person.page.getByTestId('activity');
  await log.locator('summary').click();
  await expect(log.getByTestId('activity-note').first()).toBeVisible();
  const notes = await log.getByTestId('activity-note').all();
  const lines: string[] = [];
  for (const note of notes) {
    lines.push(
      `${(await note.getAttribute('data-deed')) ?? ''} ${(await note.locator('bdi').first().textContent()) ?? ''}`,
    );
  }
  return lines;
}

test('both sides can look up what was offered, taken, declined and saved, and take it with them or clear it', async ({
  server,
  alice,
  bob,
  makeFile,
}) => {
  const [film, letter] = [await makeFile('film.mp4', 200_000), await makeFile('letter.txt', 1_000)];
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(film.path, letter.path));
  await bob.accept('film.mp4');
  await bob.sees('film.mp4', 'verified');
  await bob.incoming('letter.txt').getByTestId('decline').click();
  await alice.seesDelivery('letter.txt', 'declined');
  await alice.seesDelivery('film.mp4', 'verified');
  await bob.save('film.mp4');

  const taken = await logOf(bob);
  expect(taken.filter((line) => line.endsWith('film.mp4'))).toEqual([
    ...['saved film.mp4', 'verified film.mp4', 'accepted film.mp4', 'offered film.mp4'],
  ]);
  expect(taken.filter((line) => line.endsWith('letter.txt'))).toEqual(['declined letter.txt', 'offered letter.txt']);
  const given = await logOf(alice);
  expect(given.filter((line) => line.endsWith('film.mp4'))).toEqual([
    ...['verified film.mp4', 'accepted film.mp4', 'offered film.mp4'],
  ]);
  expect(given.filter((line) => line.endsWith('letter.txt'))).toEqual(['declined letter.txt', 'offered letter.txt']);

  const log = bob.page.getByTestId('activity');
  await log.getByTestId('activity-search').fill('letter said no');
  await expect(log.getByTestId('activity-note')).toHaveCount(1);

  // With whom, how much and what exactly: the same root on both sides.
  const exported = async (person: Person) => {
    const [download] = await Promise.all([
      person.page.waitForEvent('download'),
      person.page.getByTestId('activity-export').click(),
    ]);
    const { notes } = JSON.parse(await readFile(await download.path(), 'utf8')) as { notes: Record<string, unknown>[] };
    return notes.find(({ deed }) => deed === 'verified');
  };
  const [theirs, ours] = [await exported(bob), await exported(alice)];
  expect(theirs).toMatchObject({ way: 'in', path: 'film.mp4', size: 200_000, bytes: 200_000 });
  expect(ours).toMatchObject({ way: 'out', path: 'film.mp4', size: 200_000, root: theirs?.['root'] });
  expect(theirs?.['root']).toMatch(/^[\w-]{43}$/u);

  // It outlives the page, and goes when it is cleared.
  await bob.page.reload();
  expect(await logOf(bob)).toEqual(expect.arrayContaining(taken));
  await log.getByTestId('activity-clear').click();
  await log.getByTestId('activity-clear-yes').click();
  await expect(log.getByTestId('activity-note')).toHaveCount(0);
});
