// Who may be in a room: knocking, letting in and turning away, and what the roster does when people leave, come back, are
// removed, or have only the link.

import type { Locator } from '@playwright/test';
import { expect, test, type Fixtures } from './fixtures.ts';
import type { Person } from './person.ts';

const note = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') };

async function roomOf(alice: Person, url: string): Promise<string> {
  await alice.open(url);
  return alice.offer(note);
}

async function threeInside({ server, alice, bob, carol }: Pick<Fixtures, 'server' | 'alice' | 'bob' | 'carol'>) {
  const link = await roomOf(alice, server.url);
  await bob.enter(alice, link);
  await carol.enter(alice, link);
  await expect(await bob.personOf(carol)).toHaveAttribute('data-state', 'ready');
  await expect(await carol.personOf(bob)).toHaveAttribute('data-state', 'ready');
  return link;
}

async function rule(host: Person, name: 'lock' | 'one-time' | 'anyone', on: boolean): Promise<void> {
  const box = host.page.getByTestId(name);
  if (!(await box.isVisible())) await host.page.getByText('Who may come in').click();
  await box.setChecked(on);
}

/** Looks out, from now on, for when on the page's clock an element's state becomes this one: milliseconds since 1970. */
async function lookOut(element: Locator, state: string): Promise<() => Promise<number>> {
  const seen = await element.evaluateHandle((node, wanted) => {
    const at = new Promise<number>((resolve) => {
      new MutationObserver(() => {
        if (node.getAttribute('data-state') === wanted) resolve(Date.now());
      }).observe(node, { attributes: true });
    });
    return { at };
  }, state);
  return () => seen.evaluate(({ at }) => at);
}

/** Holds that somebody outside sees nothing of the room but the name on its door. */
async function seesNothing(outsider: Person): Promise<void> {
  await expect(outsider.page.getByTestId('incoming-file')).toHaveCount(0);
  await expect(outsider.page.getByTestId('person')).toHaveCount(0);
  await expect(outsider.page.locator('body')).not.toContainText('note.txt');
}

test('a guest knocks and waits, and is let in or turned away', async ({ server, alice, bob, carol }) => {
  const link = await roomOf(alice, server.url);
  await bob.open(link);
  await bob.isIn('knocking');
  const knock = await alice.knockOf(bob);
  await expect(knock).toHaveAttribute('data-trust', 'new');
  await expect(knock).toContainText('1 file');
  await seesNothing(bob);
  await alice.letIn(bob);
  await bob.sees('note.txt', 'offered');
  await expect(await bob.personOf(alice)).toHaveAttribute('data-trust', 'new');

  await carol.open(link);
  await carol.isIn('knocking');
  await (await alice.knockOf(carol)).getByTestId('turn-away').click();
  await carol.seesNotice('turned-away');
  await carol.isIn('turned-away');
  await seesNothing(carol);
  await expect(alice.page.getByTestId('knock')).toHaveCount(0);
});

test('whoever was turned away may knock again, not at once', async ({ server, alice, bob }) => {
  await bob.open(await roomOf(alice, server.url));
  await bob.isIn('knocking');
  await (await alice.knockOf(bob)).getByTestId('turn-away').click();
  await bob.isIn('turned-away');
  await bob.page.getByTestId('knock-again').click();
  await bob.seesNotice('room-busy');
  await expect(async () => {
    await bob.page.getByTestId('knock-again').click({ timeout: 1_000 });
    await expect(await alice.knockOf(bob)).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
  await alice.letIn(bob);
  await bob.sees('note.txt', 'offered');
});

test('a guest who reloads while waiting waits on', async ({ server, alice, bob }) => {
  await bob.open(await roomOf(alice, server.url));
  await bob.isIn('knocking');
  await bob.page.reload();
  await bob.isIn('knocking');
  await expect(alice.page.getByTestId('knock')).toHaveCount(1);
  await alice.letIn(bob);
  await bob.sees('note.txt', 'offered');
});

test('members come back without a knock: reloaded, in a new tab, and when the room is locked', async ({
  server,
  alice,
  bob,
}) => {
  const link = await roomOf(alice, server.url);
  await bob.enter(alice, link);
  await rule(alice, 'lock', true);
  await bob.page.reload();
  await bob.isIn('inside');
  await bob.sees('note.txt', 'offered');
  await bob.page.getByTestId('leave').click();
  await bob.open(link);
  await bob.isIn('inside');
  await bob.sees('note.txt', 'offered');
  await expect(alice.page.getByTestId('knock')).toHaveCount(0);
});

test('a locked room turns strangers away by itself; unlocked, they may knock', async ({ server, alice, bob }) => {
  const link = await roomOf(alice, server.url);
  await rule(alice, 'lock', true);
  await bob.open(link);
  await bob.seesNotice('room-locked');
  await seesNothing(bob);
  await rule(alice, 'lock', false);
  await expect(async () => {
    await bob.page.getByTestId('knock-again').click({ timeout: 1_000 });
    await expect(await alice.knockOf(bob)).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
});

test('a link for one person locks behind the first who is let in', async ({ server, alice, bob, carol }) => {
  const link = await roomOf(alice, server.url);
  await rule(alice, 'one-time', true);
  await bob.enter(alice, link);
  await carol.open(link);
  await carol.seesNotice('room-locked');
  await seesNothing(carol);
});

test('anyone with the link may enter only when the host says so, and that is shown', async ({ server, alice, bob }) => {
  const link = await roomOf(alice, server.url);
  await expect(alice.page.getByTestId('anyone-warning')).toHaveCount(0);
  await rule(alice, 'anyone', true);
  await expect(alice.page.getByTestId('anyone-warning')).toBeVisible();
  await bob.open(link);
  await bob.isIn('inside');
  await bob.sees('note.txt', 'offered');
});

test('whoever was taken out knocks and waits, also where anyone may enter', async ({ server, alice, bob }) => {
  const link = await roomOf(alice, server.url);
  await rule(alice, 'anyone', true);
  await bob.open(link);
  await bob.isIn('inside');
  const entry = await alice.personOf(bob);
  await entry.getByTestId('person-menu').click();
  await entry.getByTestId('remove').click();
  await bob.isIn('turned-away');
  await knocksAgain(bob, alice);
  await alice.letIn(bob);
  await bob.isIn('inside');
});

/** Back at the door like anybody else. */
async function knocksAgain(guest: Person, host: Person): Promise<void> {
  await expect(async () => {
    const again = guest.page.getByTestId('knock-again');
    if (await again.isVisible()) await again.click({ timeout: 1_000 });
    await expect(await host.knockOf(guest)).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
}

test('a removal takes effect everywhere at once', async ({ server, alice, bob, carol }) => {
  await threeInside({ server, alice, bob, carol });
  const entry = await alice.personOf(carol);
  await entry.getByTestId('person-menu').click();
  const [onBobs, here] = [await bob.personOf(carol), carol.page.getByTestId('room-state')];
  const [goneAt, outAt] = [await lookOut(onBobs, 'gone'), await lookOut(here, 'turned-away')];
  const removedAt = await entry.getByTestId('remove').evaluate((button: HTMLButtonElement) => {
    button.click();
    return Date.now();
  });
  // One machine, one clock.
  expect(Math.max(await goneAt(), await outAt()) - removedAt).toBeLessThan(1_000);
  await carol.seesNotice('removed');
  await expect(carol.page.getByTestId('person').and(carol.page.locator('[data-state=ready]'))).toHaveCount(0);
  await knocksAgain(carol, alice);
});

test('somebody blocked is out, and does not get as far as knocking again', async ({ server, alice, bob }) => {
  const link = await roomOf(alice, server.url);
  await bob.enter(alice, link);
  const entry = await alice.personOf(bob);
  await entry.getByTestId('person-menu').click();
  await entry.getByTestId('block').click();
  await bob.isIn('turned-away');
  await bob.open('about:blank');
  await bob.open(link);
  await bob.seesNotice('authentication-failed');
  await seesNothing(bob);
  await expect(alice.page.getByTestId('knock')).toHaveCount(0);
});

test('when the host leaves, those inside go on; a stranger waits; the host comes back to the same room', async ({
  server,
  alice,
  bob,
  carol,
  invite,
}) => {
  const link = await threeInside({ server, alice, bob, carol });
  await alice.page.close();
  await expect(await bob.personOf(carol)).toHaveAttribute('data-state', 'ready');
  await bob.offer({ name: 'later.txt', mimeType: 'text/plain', buffer: Buffer.from('still here') });
  await carol.accept('later.txt');
  await carol.sees('later.txt', 'verified');
  // A member comes back without the host.
  await carol.page.reload();
  await expect(await carol.personOf(bob)).toHaveAttribute('data-state', 'ready');
  const dave = await invite('dave');
  await dave.open(link);
  await dave.isIn('waiting');
  await expect(bob.page.getByTestId('knock')).toHaveCount(0);
  await seesNothing(dave);

  const again = await alice.context.newPage();
  await again.goto(link);
  await expect(again.getByTestId('person').and(again.locator('[data-state=ready]'))).toHaveCount(2);
  await expect(again.getByTestId('knock')).toHaveCount(1);
  await again.getByTestId('let-in').click();
  await dave.isIn('inside');
  await expect(await dave.personOf(bob)).toHaveAttribute('data-state', 'ready');
});

test('the door shows the name the host put there, or none', async ({ server, alice, bob }) => {
  const link = await roomOf(alice, server.url);
  await alice.page.getByText('Who may come in').click();
  await alice.page.getByTestId('door-name').fill('The red house');
  await alice.page.getByTestId('door-name').press('Enter');
  await bob.open(link);
  await bob.isIn('knocking');
  await expect(bob.page.getByTestId('room-state')).toContainText('You are knocking at The red house');
});

/** Moves this browser's clock, from the next page on. */
async function shiftClock({ page }: Person, hours: number): Promise<void> {
  await page.addInitScript((shiftMs) => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + shiftMs;
  }, hours * 3_600_000);
}

test('a room expires, also when its host comes back to it; who is in goes on', async ({
  server,
  alice,
  bob,
  carol,
}) => {
  const link = await roomOf(alice, server.url);
  await alice.page.getByText('Who may come in').click();
  await expect(alice.page.getByTestId('expiry')).toContainText('24 hours');
  await bob.enter(alice, link);
  await shiftClock(alice, 25);
  await alice.page.reload();
  await alice.page.getByText('Who may come in').click();
  await expect(alice.page.getByTestId('expiry')).toContainText('expired');
  await expect(await alice.personOf(bob)).toHaveAttribute('data-state', 'ready');
  await carol.open(link);
  await carol.seesNotice('room-expired');
  await seesNothing(carol);
});

test('clocks years apart change nothing', async ({ server, alice, bob }) => {
  await shiftClock(alice, 5 * 8_760);
  await shiftClock(bob, -5 * 8_760);
  await bob.enter(alice, await roomOf(alice, server.url));
  await bob.accept('note.txt');
  await bob.sees('note.txt', 'verified');
});

test('a guest whom nobody answers is told so, and met when the host is there', async ({ server, alice, bob }) => {
  const link = await roomOf(alice, server.url);
  await alice.open('about:blank');
  await bob.open(link);
  await bob.seesNotice('no-answer', 15_000);
  await alice.open(link);
  await alice.letIn(bob);
  await bob.isIn('inside');
  await expect(bob.page.locator('[data-code=no-answer]')).toHaveCount(0);
});

test('somebody who opens a channel of their own is cut off', async ({ server, alice, bob }) => {
  await bob.keepConnections();
  await bob.enter(alice, await roomOf(alice, server.url));
  await bob.openChannelOfTheirOwn();
  await alice.seesNotice('peer-gone');
});
