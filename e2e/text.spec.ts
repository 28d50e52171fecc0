// A text is handed over like a file: seen before it is offered, said yes to, verified, and only then shown.

import { createHash } from 'node:crypto';
import { expect, test } from './fixtures.ts';
import type { Person } from './person.ts';

/** Pastes a text anywhere on the page. */
async function paste(person: Person, text: string): Promise<void> {
  await person.page.evaluate((pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', pasted);
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

const POEM = 'Zwei Türen,\n\tein Tisch — und 👩‍🚀\n\n  kein Ende \n';

test('a text that was pasted is seen, offered, shown after a yes as it was, copied and saved; a declined one is never shown', async ({
  server,
  alice,
  bob,
}) => {
  await alice.open(server.url);
  await paste(alice, POEM);
  const row = alice.page.getByTestId('review-file');
  await expect(row).toHaveAttribute('data-ticked', 'true');
  await expect(row).toContainText('Text · Zwei Türen, ein Tisch — und');
  await paste(alice, 'this one he does not want');
  await expect(row).toHaveCount(2);
  await alice.page.getByTestId('offer-files').click();
  await expect(alice.outgoing('Text.txt').first()).toContainText('Text · Zwei Türen');
  await bob.enter(alice, await alice.page.getByTestId('share-link').inputValue());

  await bob.sees('Text.txt', 'offered');
  await bob.sees('Text (2).txt', 'offered');
  const size = Buffer.byteLength(POEM);
  await expect(bob.incoming('Text.txt')).toHaveAttribute('data-size', `${size}`);
  await expect(bob.incoming('Text.txt')).toContainText(`${size} B Text`);
  await expect(bob.page.getByTestId('text')).toHaveCount(0);
  expect(await bob.page.locator('body').innerText()).not.toContain('Türen');

  await bob.decline('Text (2).txt');
  const accept = bob.incoming('Text.txt').getByTestId('accept');
  await expect(accept).toBeEnabled();
  await accept.press('Enter');
  await bob.sees('Text.txt', 'verified');
  const text = bob.incoming('Text.txt').getByTestId('text');
  await expect(text).toBeVisible();
  expect(await text.textContent()).toBe(POEM);
  await bob.incoming('Text.txt').getByTestId('copy-text').press('Enter');
  await expect(bob.incoming('Text.txt').getByTestId('copy-text')).toHaveText('Copied');
  await bob.page.getByTestId('text-input').focus();
  await bob.page.keyboard.press('ControlOrMeta+V');
  await expect(bob.page.getByTestId('text-input')).toHaveValue(POEM);

  const saved = await bob.save('Text.txt');
  expect(saved).toMatchObject({ name: 'Text.txt', size, sha256: createHash('sha256').update(POEM).digest('hex') });
  await expect(text).toBeVisible();
  await bob.incoming('Text.txt').getByTestId('free-space').click();
  await expect(text).toHaveCount(0);
  await expect(alice.page.getByTestId('delivery').and(alice.page.locator('[data-state=declined]'))).toHaveCount(1);
  expect(await bob.page.locator('body').innerText()).not.toContain('does not want');
});

test('a text that was written goes into the review; what is secret in it takes a second yes, what is too long is sent back', async ({
  server,
  alice,
}) => {
  await alice.open(server.url);
  const field = alice.page.getByTestId('text-input');
  await field.fill('a'.repeat(64 * 1024 + 1));
  await alice.page.getByTestId('offer-text').click();
  await alice.seesNotice('text-too-long');
  await expect(field).toHaveValue(/^a{65537}$/);
  await paste(alice, 'b'.repeat(64 * 1024 + 1));
  await expect(alice.page.getByTestId('review-file')).toHaveCount(0);

  await field.fill('not yet complete');
  await paste(alice, 'something else');
  await alice.page.getByRole('button', { name: 'Back' }).click();
  await expect(field).toHaveValue('not yet complete');

  const key = ['-----BEGIN PRIVATE KEY-----', 'q7Xm2KdR9vTz4LbW8cNf3HgY6pJs5q7Xm2KdR9vTz4LbW8cNf3HgY6pJs5Q=='];
  await field.fill([...key, '-----END PRIVATE KEY-----'].join('\n'));
  await alice.page.getByTestId('offer-text').click();
  await expect(alice.page.locator('[data-testid=notice][data-code=text-too-long]')).toHaveCount(0);
  const row = alice.page.getByTestId('review-file');
  await expect(row).toHaveAttribute('data-warning', 'secret');
  await expect(row).toHaveAttribute('data-ticked', 'false');
  await row.getByRole('checkbox').check();
  await alice.page.getByTestId('offer-files').click();
  await expect(alice.page.getByTestId('secret-file')).toContainText('Text · -----BEGIN');
  await alice.page.getByTestId('leave-secrets').click();
  await expect(row).toHaveAttribute('data-ticked', 'false');
});

test('no more than 30 texts are offered in a minute, and the page says so', async ({ server, alice }) => {
  await alice.open(server.url);
  for (let i = 0; i < 31; i++) await paste(alice, `number ${i}`);
  await expect(alice.page.getByTestId('review-file')).toHaveCount(31);
  await alice.page.getByTestId('offer-files').click();
  await alice.seesNotice('too-many-texts');
  await alice.page.getByTestId('review-file').first().getByRole('checkbox').uncheck();
  await alice.page.getByTestId('offer-files').click();
  await expect(alice.page.locator('[data-testid=notice][data-code=too-many-texts]')).toHaveCount(0);
  await expect(alice.page.getByTestId('outgoing-file')).toHaveCount(30);
});
