// The app (accept click → verified, hashed and in staging) against one raw channel between the same two Chromium
// processes, alternating in one run.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright';
import { Person } from '../e2e/person.ts';
import { Server } from '../e2e/server.ts';
import { median, parseSize, rate, round, writeRandomFile } from './measure.ts';
import { rawTransferMs } from './raw-channel.ts';

/** Milliseconds on the page's own clock from the click to the row's `verified`. */
export function acceptMs(page: Page, name: string): Promise<number> {
  return page.evaluate(async (wanted) => {
    const row = document.querySelector(`[data-testid=incoming-file][data-name="${wanted}"]`);
    const accept = row?.querySelector<HTMLButtonElement>('[data-testid=accept]');
    if (!row || !accept) throw new Error('no such offer');
    const start = performance.now();
    accept.click();
    // No named inner function: the TypeScript runner would wrap it in a helper the page does not have.
    await new Promise<void>((resolve, reject) => {
      new MutationObserver(() => {
        const state = row.getAttribute('data-state');
        if (state === 'verified') resolve();
        if (state === 'failed') reject(new Error('the transfer failed'));
      }).observe(row, { attributes: true });
    });
    return performance.now() - start;
  }, name);
}

async function pairs(sizeBytes: number, runs: number, folder: string, server: Server, alice: Person, bob: Person) {
  const [rawFrom, rawTo] = await Promise.all([alice.context.newPage(), bob.context.newPage()]);
  await Promise.all([rawFrom.goto(`${server.url}healthz`), rawTo.goto(`${server.url}healthz`)]);
  await alice.open(server.url);
  const appMBs: number[] = [];
  const rawMBs: number[] = [];
  for (let pair = 0; pair < runs; pair++) {
    const name = `run-${pair}.bin`;
    await writeRandomFile(join(folder, name), sizeBytes);
    const link = await alice.offer(join(folder, name));
    if (pair === 0) await bob.enter(alice, link);
    await bob.sees(name, 'offered');
    // It takes no click in its first half second.
    await bob.incoming(name).locator('[data-testid=accept]:enabled').waitFor();
    // Browsers lower the priority of tabs behind others: each kind runs in front.
    await Promise.all([alice.page.bringToFront(), bob.page.bringToFront()]);
    appMBs.push(rate(sizeBytes, await acceptMs(bob.page, name)));
    await alice.seesDelivery(name, 'verified');
    await Promise.all([rawFrom.bringToFront(), rawTo.bringToFront()]);
    rawMBs.push(rate(sizeBytes, await rawTransferMs(rawFrom, rawTo, sizeBytes)));
    await rm(join(folder, name));
    console.log(`pair ${pair + 1}: app ${appMBs.at(-1) ?? 0} MB/s, raw ${rawMBs.at(-1) ?? 0} MB/s`);
  }
  return { appMBs, rawMBs };
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { size: { type: 'string', default: '128MiB' }, runs: { type: 'string', default: '5' } },
  });
  const sizeBytes = parseSize(values.size);
  const folder = await mkdtemp(join(tmpdir(), 'doorstep-bench-'));
  const server = await Server.start();
  const [alice, bob] = await Promise.all(
    // Profiles on disk, as people have: without one, staging was seen to cost the browser process memory and time.
    ['alice', 'bob'].map((name) => Person.arrive(name, { profile: join(folder, name) })),
  );
  if (!alice || !bob) throw new Error('nobody came');
  try {
    const { appMBs, rawMBs } = await pairs(sizeBytes, Number(values.runs), folder, server, alice, bob);
    const ratioMedian = round(median(appMBs.map((app, i) => app / (rawMBs[i] ?? NaN))));
    console.log(`median: app ${median(appMBs)} MB/s, raw ${median(rawMBs)} MB/s, ratio ${ratioMedian}`);
    console.log(JSON.stringify({ bench: 'transfer', sizeBytes, appMBs, rawMBs, ratioMedian }));
  } finally {
    // A server or browser left behind would keep the terminal.
    await Promise.all([alice.leave(), bob.leave(), server.stop()]);
    await rm(folder, { recursive: true, maxRetries: 10 });
  }
}
