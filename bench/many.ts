// A folder of many small files, from "accept all" to the last `verified`: files a second, the longest task of both pages
// meanwhile, and how long a click takes to be answered.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright';
import { Person } from '../e2e/person.ts';
import { Server } from '../e2e/server.ts';
import { watchTasks } from './long-tasks.ts';
import { parseSize, round } from './measure.ts';

/** People do not click oftener, and a page that is asked all the time is another page. */
const CLICK_EVERY_MS = 700;
const TRANSFER_MS = 300_000;

interface Watched {
  /** From a click of the mouse to the picture that shows its answer, at worst; 0 when all came within a frame. */
  readonly clickMs: number;
  readonly clicks: number;
}

async function makeFolder(path: string, files: number, sizeBytes: number): Promise<void> {
  await mkdir(path);
  for (let i = 0; i < files; i++) await writeFile(join(path, `file-${i}.txt`), randomBytes(sizeBytes));
}

/** Begins to watch what becomes of clicks on a page. */
async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    const watched = { clickMs: 0, clicks: 0 };
    Object.assign(window, { watched });
    new PerformanceObserver((list) => {
      for (const { name, duration } of list.getEntries()) {
        if (name === 'click') watched.clickMs = Math.max(watched.clickMs, duration);
      }
    }).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
    addEventListener('click', (event) => (watched.clicks += event.isTrusted ? 1 : 0), { capture: true });
  });
}

/** Clicks on the button beside a person, which opens and closes something small, until it is told to stop. */
async function clickAround(page: Page, isOver: () => boolean): Promise<void> {
  const button = await page.getByTestId('person-menu').boundingBox();
  if (!button) throw new Error('nobody to click on');
  // By the mouse, and where the button is: what looks for it first would be measured too.
  for (const pause = CLICK_EVERY_MS; !isOver(); await new Promise((resolve) => setTimeout(resolve, pause))) {
    await page.mouse.click(button.x + button.width / 2, button.y + button.height / 2);
  }
}

function watched(page: Page): Promise<Watched> {
  return page.evaluate(() => Reflect.get(window, 'watched') as Watched);
}

/** Milliseconds on the page's own clock from the click on "accept all" until every file is verified. */
function acceptAllMs(page: Page, files: number): Promise<number> {
  return page.evaluate(async (all) => {
    const accept = document.querySelector<HTMLButtonElement>('[data-testid=accept-all]');
    if (!accept) throw new Error('nothing to accept');
    const start = performance.now();
    accept.click();
    // The one button that counts them: looking at thousands of rows would be measured too.
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const counted = document.querySelector('[data-testid=save-all]')?.textContent ?? '';
        if (!counted.includes(` ${all} `)) return;
        clearInterval(timer);
        resolve();
      }, 50);
    });
    return performance.now() - start;
  }, files);
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { files: { type: 'string', default: '5000' }, size: { type: 'string', default: '4KiB' } },
  });
  const files = Number(values.files);
  const folder = await mkdtemp(join(tmpdir(), 'doorstep-many-'));
  const server = await Server.start();
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map((name) => Person.arrive(name, { profile: join(folder, name) })),
  );
  if (!alice || !bob) throw new Error('nobody came');
  try {
    await makeFolder(join(folder, 'many'), files, parseSize(values.size));
    await alice.open(server.url);
    await alice.page.getByTestId('folder-input').setInputFiles(join(folder, 'many'));
    await alice.page.getByTestId('offer-files').click();
    const link = await alice.page.getByTestId('share-link').inputValue();
    await bob.enter(alice, link);
    const all = ` ${files.toLocaleString('en')} `;
    await bob.page.locator('[data-testid=accept-all]:enabled', { hasText: all }).waitFor();
    const pages = [alice.page, bob.page];
    await Promise.all(pages.map((page) => page.bringToFront()));
    await Promise.all(pages.map(watch));
    const watching = await Promise.all(pages.map(watchTasks));
    let isOver = false;
    const clicking = pages.map((page) => clickAround(page, () => isOver));
    const ms = await Promise.race([
      acceptAllMs(bob.page, files),
      new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error('it takes too long')), TRANSFER_MS);
      }),
    ]);
    isOver = true;
    await Promise.all(clicking);
    const [sender, receiver] = await Promise.all(pages.map(watched));
    if (!sender || !receiver) throw new Error('nobody watched');
    const others = await bob.page.locator('[data-testid=incoming-file]:not([data-state=verified])').count();
    if (others) throw new Error(`${others} rows do not say that they are verified`);
    const filesPerSecond = round((files * 1000) / ms, 1);
    const [longestSender, longestReceiver] = await Promise.all(watching.map((stop) => stop()));
    const longestTask = { sender: longestSender, receiver: longestReceiver };
    const clickMs = Math.max(sender.clickMs, receiver.clickMs);
    console.log(`${filesPerSecond} files/s, ${sender.clicks} and ${receiver.clicks} clicks answered`);
    console.log(`clicks: sender ${sender.clickMs} ms, receiver ${receiver.clickMs} ms at worst`);
    console.log(JSON.stringify({ bench: 'many', files, filesPerSecond, longestTask, clickMs }));
  } finally {
    await Promise.all([alice.leave(), bob.leave(), server.stop()]);
    await rm(folder, { recursive: true, maxRetries: 10 });
  }
}
