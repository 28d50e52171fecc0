// The page is not in the way: a transfer goes on in a tab nobody looks at, and one somebody looks at stays quick.

import { expect, test } from './fixtures.ts';
import type { Person } from './person.ts';
import { PlainBrowser } from './plain-browser.ts';

const MiB = 1024 * 1024;
const SIZE = 64 * MiB;

for (const hidden of ['sender', 'receiver'] as const) {
  test(`the ${hidden}’s page is hidden: the transfer goes on all the same`, async ({
    server,
    invite,
    makeFile,
  }, testInfo) => {
    const film = await makeFile('film.mp4', SIZE);
    const plain = await PlainBrowser.start('plain', testInfo.outputPath('plain'));
    const other = await invite('other');
    const [alice, bob] = hidden === 'sender' ? [plain.person, other] : [other, plain.person];
    try {
      await alice.open(server.url);
      await bob.enter(alice, await alice.offer(film.path));
      await bob.acceptsPart('film.mp4', 5);
      const front = await plain.hide();
      await expect(plain.person.page).toHaveTitle(/^\d+ % · Doorstep$/);
      const icon = plain.person.page.locator('link[rel=icon]');
      await expect(icon).toHaveAttribute('href', /^data:image\/svg\+xml,/);
      // By the page itself: a hidden page gets no clicks.
      await bob
        .incoming('film.mp4')
        .getByTestId('resume')
        .evaluate((button: HTMLElement) => button.click());
      await bob.sees('film.mp4', 'verified');
      await alice.seesDelivery('film.mp4', 'verified');
      await plain.isHidden();
      await expect(plain.person.page).toHaveTitle('Doorstep');
      await expect(icon).toHaveAttribute('href', '/icon.svg');
      await front.close();
      await plain.person.page.bringToFront();
      const { sha256 } = hidden === 'sender' ? await bob.save('film.mp4') : await plain.save('film.mp4');
      expect(sha256).toBe(film.sha256);
      expect(plain.person.complaints).toEqual([]);
    } finally {
      await plain.stop();
    }
  });
}

/** Notes when a progress bar is moved, in milliseconds. */
async function watchBars({ page }: Person): Promise<void> {
  await page.evaluate(() => {
    const moved: number[] = [];
    Object.assign(window, { moved });
    new MutationObserver(() => moved.push(performance.now())).observe(document, {
      subtree: true,
      attributeFilter: ['aria-valuenow'],
    });
  });
}

const barMoves = ({ page }: Person) => page.evaluate(() => Reflect.get(window, 'moved') as number[]);

/** One event of a trace; times in microseconds, `tdur` is what the processor spent on it. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
}

/** Begins to trace what the page's main thread does. */
async function trace({ context, page }: Person): Promise<void> {
  const categories = ['disabled-by-default-devtools.timeline', 'blink.user_timing'];
  await context.browser()?.startTracing(page, { categories });
  await page.evaluate(() => performance.mark('this thread'));
}

/** The tasks of the page's main thread since then. A machine that is busy makes them last longer, and take no more. */
async function tasks({ context }: Person): Promise<{ processorMs: number; ms: number }[]> {
  const json = await context.browser()?.stopTracing();
  const { traceEvents } = JSON.parse(json?.toString() ?? '{}') as { traceEvents: TraceEvent[] };
  const main = traceEvents.find(({ name }) => name === 'this thread');
  return traceEvents
    .filter(({ name, pid, tid }) => name === 'RunTask' && pid === main?.pid && tid === main.tid)
    .map(({ tdur = Infinity, dur = 0 }) => ({ processorMs: tdur / 1_000, ms: dur / 1_000 }));
}

test('64 MiB keep neither page busy for 50 ms, and move a bar no more than ten times a second', async ({
  server,
  alice,
  bob,
  makeFile,
}, testInfo) => {
  const [warm, film] = await Promise.all([makeFile('warm.bin', 2 * MiB), makeFile('film.mp4', SIZE)]);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(warm.path, film.path));
  await bob.accept('warm.bin');
  await bob.sees('warm.bin', 'verified');
  await alice.seesDelivery('warm.bin', 'verified');
  await Promise.all([alice, bob].map(watchBars));
  await Promise.all([alice, bob].map(trace));
  await bob.accept('film.mp4');
  await bob.sees('film.mp4', 'verified');
  await alice.seesDelivery('film.mp4', 'verified');
  const ran = await Promise.all([alice, bob].map(tasks));
  for (const [i, who] of (['sender', 'receiver'] as const).entries()) {
    const long = (ran[i] ?? []).filter(({ ms }) => ms > 50);
    await testInfo.attach(who, { body: JSON.stringify({ tasks: ran[i]?.length, long }) });
    expect(ran[i]?.length, `tasks of the ${who} were seen`).toBeGreaterThan(100);
    expect(
      long.filter(({ processorMs }) => processorMs > 50),
      `long tasks of the ${who}`,
    ).toEqual([]);
    const moved = await barMoves(i ? bob : alice);
    expect(moved.length, `the ${who}’s bar moves`).toBeGreaterThan(0);
    const within = (from: number) => moved.filter((at) => at >= from && at < from + 1_000).length;
    expect(Math.max(...moved.map(within)), `the ${who}’s bar in any second`).toBeLessThanOrEqual(10);
  }
  expect(await bob.receives('film.mp4')).toBe(film.sha256);
});
