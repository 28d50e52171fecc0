// Files that would harm are received like any others: kept as they came, never opened, unpacked or shown; and a yes is
// given by a person, not to a button that was pushed under their finger.

import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { Bytes } from '../src/protocol/bytes.ts';
import { MiB } from '../src/protocol/limits.ts';
import { EICAR_HALVES } from '../src/safety/eicar.ts';
import { expect, test } from './hostile/besieged.ts';

/** A ZIP of one deflated entry. */
function zipOf(name: string, content: Uint8Array): Bytes {
  const packed = deflateRawSync(content);
  const entry = (signature: number, headerBytes: number) => {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(signature, 0);
    return header;
  };
  const local = entry(0x04034b50, 30);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt32LE(content.length, 22);
  local.writeUInt16LE(name.length, 26);
  const central = entry(0x02014b50, 46);
  central.writeUInt16LE(8, 10);
  central.writeUInt32LE(packed.length, 20);
  central.writeUInt32LE(content.length, 24);
  central.writeUInt16LE(name.length, 28);
  const end = entry(0x06054b50, 22);
  const before = local.length + name.length + packed.length;
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + name.length, 12);
  end.writeUInt32LE(before, 16);
  return new Uint8Array(Buffer.concat([local, Buffer.from(name), packed, central, Buffer.from(name), end]));
}

const text = (content: string) => new Uint8Array(Buffer.from(content, 'latin1'));
const page = '<!doctype html><script>parent.document.title="hit"</script><img src=x onerror="document.title=\'hit\'">';

test('files that would harm arrive as they are, and are not opened, unpacked or shown', async ({ house }) => {
  const { alice } = house;
  house.keeps = true;
  const title = await alice.page.title();
  const used = () => alice.page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
  const before = await used();
  const drawing = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
  const words = 'javascript:alert(1) data:text/html,<script>alert(1)</script>';
  const files: readonly [name: string, type: string, bytes: Bytes, offered: string, here: string][] = [
    ['eicar.com', 'text/plain', text(EICAR_HALVES.join('')), 'dangerous', 'dangerous'],
    ['eicar.txt', 'text/plain', text(EICAR_HALVES.join('')), 'ordinary', 'dangerous'],
    ['picture.html', 'image/png', text(page), 'dangerous', 'dangerous'],
    ['drawing.svg', 'image/svg+xml', text(drawing), 'dangerous', 'dangerous'],
    ['pixel.png', 'image/png', text(page), 'ordinary', 'dangerous'],
    ['words.txt', 'text/html', text(words), 'dangerous', 'dangerous'],
    ['bomb.zip', 'application/zip', zipOf('zeros', new Uint8Array(256 * MiB)), 'caution', 'caution'],
  ];
  const visit = await house.comesIn();
  for (const [name, type, bytes, whenOffered, whenHere] of files) {
    const [file] = (await visit.offers({ path: name, size: bytes.length, type })).files;
    await expect(alice.incoming(name)).toHaveAttribute('data-risk', whenOffered);
    await alice.accept(name);
    await visit.delivers(file, bytes);
    await alice.sees(name, 'verified');
    await expect(alice.incoming(name)).toHaveAttribute('data-risk', whenHere);
    const typed = name.startsWith('eicar') ? name : undefined;
    const saved = await (whenHere === 'dangerous' ? alice.saveAnyway(name, typed) : alice.save(name));
    expect(saved.name).toBe(name);
    expect(saved.sha256, name).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
  expect(await alice.page.title()).toBe(title);
  expect(alice.context.pages()).toHaveLength(1);
  await expect(alice.page.locator('iframe, object, embed, main img')).toHaveCount(0);
  // A quarter of a gigabyte, had anybody looked inside.
  expect((await used()) - before).toBeLessThan(8 * MiB);
});

test('offers and withdrawals that flicker get no yes: a button that just appeared takes no click', async ({
  house,
}) => {
  const { alice } = house;
  const visit = await house.comesIn();
  // As soon as there is a button, a click is there too: as when it slid under a finger.
  await alice.page.evaluate(() => {
    const clicked = { buttons: 0 };
    Object.assign(window, { clicked });
    const seen = new Set<Element>();
    new MutationObserver(() => {
      for (const button of document.querySelectorAll<HTMLElement>(
        '[data-name^="flicker"] [data-testid=accept], [data-testid=accept-all]',
      )) {
        if (seen.has(button)) continue;
        seen.add(button);
        clicked.buttons++;
        button.click();
      }
    }).observe(document, { subtree: true, childList: true });
  });
  for (let i = 0; i < 20; i++) {
    const { files } = await visit.offers({ path: `flicker ${i}.txt` }, { path: `flicker ${i}b.txt` });
    await alice.sees(`flicker ${i}b.txt`, 'offered');
    await visit.say(JSON.stringify({ type: 'withdraw', fileIds: files.map(({ fileId }) => fileId) }));
    await alice.sees(`flicker ${i}b.txt`, 'withdrawn');
  }
  const clicked = await alice.page.evaluate(() => (Reflect.get(window, 'clicked') as { buttons: number }).buttons);
  expect(clicked).toBeGreaterThanOrEqual(40);
  expect(visit.heard('accept')).toBeUndefined();
  await house.isStillHere('after all that', visit);
});

test('“accept all” is a yes to the files it was read with: one that grew meanwhile takes no click', async ({
  house,
}) => {
  const { alice } = house;
  const visit = await house.comesIn();
  await visit.offers({ path: 'one.txt' }, { path: 'two.txt' });
  const all = alice.page.getByTestId('accept-all');
  await expect(all).toBeEnabled();
  // The click comes with the very change that makes it a yes to a third.
  await alice.page.evaluate(() => {
    const button = document.querySelector<HTMLElement>('[data-testid=accept-all]');
    new MutationObserver(() => document.querySelector<HTMLElement>('[data-testid=accept-all]')?.click()).observe(
      button?.parentElement ?? document,
      { subtree: true, childList: true, characterData: true },
    );
  });
  await visit.offers({ path: 'slipped in.txt' });
  await alice.sees('slipped in.txt', 'offered');
  await expect(all).toHaveText(/4 ordinary files/);
  await expect(all).toBeEnabled();
  await house.isStillHere('whoever slipped it in', visit);
  expect(visit.heard('accept')).toBeUndefined();
});
