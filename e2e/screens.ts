// npm run screens: pictures of every screen, phone and desktop, light and dark, in screens/.

import { mkdirSync } from 'node:fs';
import { browser, build, install } from '../.ci/prepare.mjs';
import { Person } from './person.ts';
import { Server } from './server.ts';

const shapes = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 860 } },
};
const folder = new URL('../screens/', import.meta.url).pathname;
const MiB = 2 ** 20;
const file = (name: string, size = 40_000) => ({
  name,
  mimeType: 'text/plain',
  buffer: Buffer.alloc(size, 'doorstep '),
});

/** With a link, and something in it that cannot be seen. */
const text = 'The code of the door is 4711.\nSecond floor, left: https://example.org/map?at=52.5,13.4\npay\u202e now\n';

async function shoot(person: Person, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await person.page.emulateMedia({ colorScheme });
    await person.page.screenshot({
      path: `${folder}${person.name}-${name}-${colorScheme}.png`,
      fullPage: true,
      animations: 'disabled',
    });
  }
}

async function story(shape: keyof typeof shapes, server: Server): Promise<void> {
  const host = await Person.arrive(shape, { context: shapes[shape] });
  const guest = await Person.arrive(`${shape}-guest`, { context: shapes[shape] });
  await host.open(server.url);
  await shoot(host, '1-home');
  await host.page.getByTestId('text-input').fill(text);
  await shoot(host, '1-writing');
  await host.page.getByTestId('offer-text').click();
  await host.review(
    file('Summer in Lisbon.jpg', 3 * MiB),
    file('film.mp4', 45 * MiB),
    file('notes for tomorrow, with a rather long name that wraps on a phone.txt'),
    file('setup.pdf.exe', 300_000),
    file('.env'),
  );
  await shoot(host, '2-review');
  await host.page.getByTestId('offer-files').click();
  await host.isIn('waiting');
  await host.page.getByTestId('qr').waitFor();
  await shoot(host, '3-waiting');
  await guest.open(await host.page.getByTestId('share-link').inputValue());
  await guest.isIn('knocking');
  await (await host.knockOf(guest)).waitFor();
  await shoot(guest, '3-knocking');
  await shoot(host, '3-knocked');
  await host.letIn(guest);
  await guest.sees('film.mp4', 'offered');
  await shoot(guest, '4-offered');
  await host.page.getByTestId('verify').click();
  await host.page.getByTestId('person-menu').click();
  await host.page.getByText('Who may come in').click();
  await shoot(host, '4-confirming');
  await host.page.getByTestId('sas-match').click();
  await guest.accept('Text.txt');
  await guest.page.getByTestId('text').waitFor();
  await shoot(guest, '4-text');
  await guest.accept('Summer in Lisbon.jpg');
  await guest.sees('Summer in Lisbon.jpg', 'verified');
  await guest.accept('film.mp4');
  await guest.isMoving('film.mp4');
  // Before any picture is taken: the film would be here by then.
  await guest.page.reload();
  await guest.page.getByText('Resume at').waitFor();
  await shoot(guest, '5-resuming');
  await guest.accept('film.mp4');
  await guest.isMoving('film.mp4');
  await guest.decline('setup.pdf.exe');
  await shoot(guest, '5-receiving');
  await shoot(host, '5-sending');
  await guest.sees('film.mp4', 'verified');
  await shoot(guest, '6-verified');
  await host.page.reload();
  await host.page.getByTestId('choose-again').waitFor();
  await shoot(host, '7-choosing-again');
  await host.page.close();
  await guest.seesNotice('peer-gone');
  await shoot(guest, '7-left-alone');
  await guest.page.getByTestId('leave').click();
  await guest.open(`${server.url}#AQnonsense`);
  await guest.seesNotice('bad-link');
  await shoot(guest, '8-bad-link');
  await Promise.all([host.leave(), guest.leave()]);
}

install();
build();
await browser();
mkdirSync(folder, { recursive: true });
const server = await Server.start();
try {
  await story('phone', server);
  await story('desktop', server);
} finally {
  await server.stop();
}
process.exit(0);
