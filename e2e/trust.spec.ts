// Being sure who it is: the same six emoji on both sides, what is remembered of people, and names that are not theirs.

import { expect, test } from './fixtures.ts';
import type { Person } from './person.ts';

const note = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') };

async function emoji(person: Person): Promise<string> {
  await person.page.getByTestId('verify').click();
  const names = (await person.page.getByTestId('sas').textContent())?.trim().split(/\s+/) ?? [];
  expect(names).toHaveLength(6);
  return names.join(' ');
}

async function callYourself(person: Person, name: string): Promise<void> {
  await person.page.getByTestId('device').locator('summary').click();
  await person.page.getByTestId('own-name').fill(name);
  await person.page.getByTestId('own-name').press('Tab');
}

test('both see the same six emoji; confirmed people are known again, and can be let in by themselves', async ({
  server,
  alice,
  bob,
}) => {
  await alice.open(server.url);
  await bob.open(server.url);
  await callYourself(bob, 'Bob of the hill');
  const link = await alice.offer(note);
  await bob.enter(alice, link);
  expect(await emoji(alice)).toBe(await emoji(bob));
  await alice.page.getByTestId('sas-match').click();
  await expect(await alice.personOf(bob)).toHaveAttribute('data-trust', 'verified');
  await expect(await alice.personOf(bob)).toContainText('Bob of the hill');
  // Bob has not said so: nothing of his changed.
  await expect(await bob.personOf(alice)).toHaveAttribute('data-trust', 'new');

  await alice.page.getByTestId('leave').click();
  await expect(alice.page.getByTestId('known')).toHaveAttribute('data-state', 'verified');
  const next = await alice.offer(note);
  await bob.open('about:blank');
  await bob.open(next);
  await expect(await alice.knockOf(bob)).toHaveAttribute('data-trust', 'verified');
  await alice.page.getByTestId('leave').click();
  await alice.page.getByTestId('device').locator('summary').click();
  await alice.page.getByTestId('auto-admit').check();
  const third = await alice.offer(note);
  await bob.open('about:blank');
  await bob.open(third);
  await bob.isIn('inside');
  // Let in, and nothing accepted by itself.
  await bob.sees('note.txt', 'offered');
});

test('different emoji block whoever is at the other end', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(note));
  await alice.page.getByTestId('verify').click();
  await alice.page.getByTestId('sas-differ').click();
  await alice.seesNotice('sas-differs');
  await bob.isIn('turned-away');
});

for (const disguise of ['Bob of the hill', 'Воb оf the hiII']) {
  test(`somebody else calling themselves ${disguise} is a red refusal`, async ({ server, alice, bob, carol }) => {
    await alice.open(server.url);
    await bob.open(server.url);
    await carol.open(server.url);
    await callYourself(bob, 'Bob of the hill');
    await callYourself(carol, disguise);
    const link = await alice.offer(note);
    await bob.enter(alice, link);
    await carol.open(link);
    const knock = await alice.knockOf(carol);
    await expect(knock).toHaveAttribute('data-trust', 'changed');
    // The default, first in order and in weight, is to turn away.
    await expect(knock.getByRole('button').first()).toHaveAttribute('data-testid', 'turn-away');
    await knock.getByTestId('turn-away').click();
    await carol.isIn('turned-away');
  });
}

test('people are given names of my own, and forgotten', async ({ server, alice, bob }) => {
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(note));
  const entry = await alice.personOf(bob);
  await entry.getByTestId('person-menu').click();
  await entry.getByPlaceholder('Call them …').fill('My brother');
  await entry.getByRole('button', { name: 'Rename' }).click();
  await expect(entry.locator('strong')).toHaveText('My brother');
  await expect(entry).toContainText('calls themselves');
  await alice.page.getByTestId('leave').click();
  await alice.page.getByTestId('device').locator('summary').click();
  await expect(alice.page.getByTestId('known')).toContainText('My brother');
  await alice.page.getByTestId('forget').click();
  await expect(alice.page.getByTestId('known')).toHaveCount(0);
});
