// Link opened → offers visible, both pages warm, on loopback; the host lets in by itself for the measurement.

import { parseArgs } from 'node:util';
import { Person } from '../e2e/person.ts';
import { Server } from '../e2e/server.ts';
import { median, round } from './measure.ts';

/** Milliseconds on the guest's own clock from following the link to the row of the first offer. */
async function connectMs(guest: Person, link: string): Promise<number> {
  const ms = guest.page.evaluate(async (hash) => {
    const start = performance.now();
    location.hash = hash;
    await new Promise<void>((resolve) => {
      new MutationObserver((_, observer) => {
        if (!document.querySelector('[data-testid=incoming-file]')) return;
        observer.disconnect();
        resolve();
      }).observe(document.body, { childList: true, subtree: true });
    });
    return performance.now() - start;
  }, new URL(link).hash);
  return round(await ms, 0);
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { runs: { type: 'string', default: '9' } } });
  const server = await Server.start();
  const [alice, bob] = await Promise.all([Person.arrive('alice'), Person.arrive('bob')]);
  const connectsMs: number[] = [];
  try {
    for (let run = 0; run < Number(values.runs); run++) {
      await alice.open(server.url);
      const note = { name: `note-${run}.txt`, mimeType: 'text/plain', buffer: Buffer.from('hello') };
      const link = await alice.offer(note);
      await alice.isIn('waiting');
      await alice.page.getByText('Who may come in').click();
      await alice.page.getByTestId('anyone').check();
      await bob.open('about:blank');
      await bob.open(server.url);
      await bob.page.getByTestId('join-input').waitFor();
      connectsMs.push(await connectMs(bob, link));
      console.log(`run ${run + 1}: ${connectsMs.at(-1) ?? 0} ms`);
      for (const { page } of [alice, bob]) await page.getByTestId('leave').click();
    }
    console.log(JSON.stringify({ bench: 'connect', connectsMs, medianMs: median(connectsMs) }));
  } finally {
    await Promise.all([alice.leave(), bob.leave(), server.stop()]);
  }
}
