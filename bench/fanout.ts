// One sender and three receivers who accept at the same moment: what the sender reads of its file, counted in its worker
// at the reads themselves, over the file's size; and the rate of each receiver. Every page has a browser process of its own.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Person } from '../e2e/person.ts';
import { Server } from '../e2e/server.ts';
import { parseSize, rate, round, writeRandomFile } from './measure.ts';
import { acceptMs } from './transfer.ts';

const RECEIVERS = ['bob', 'carol', 'dave'];

/** First lines for the worker: they count what its reads of files give. Text, for no bundler sees it. */
const COUNTING = `
self.readBytes = 0;
{
  const { arrayBuffer } = Blob.prototype;
  Blob.prototype.arrayBuffer = async function () {
    const bytes = await arrayBuffer.call(this);
    self.readBytes += bytes.byteLength;
    return bytes;
  };
  const { read } = ReadableStreamBYOBReader.prototype;
  ReadableStreamBYOBReader.prototype.read = async function (view) {
    const result = await read.call(this, view);
    self.readBytes += result.value?.byteLength ?? 0;
    return result;
  };
}
`;

/** Counts what this person's transfer worker reads; before `open`. */
async function countReads({ context }: Person): Promise<void> {
  await context.route(/\/assets\/worker-.*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: COUNTING + (await response.text()) });
  });
}

async function readBytes({ page }: Person): Promise<number> {
  const [worker] = page.workers();
  if (!worker) throw new Error('the sender has no worker');
  return worker.evaluate(() => Reflect.get(self, 'readBytes') as number);
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { size: { type: 'string', default: '256MiB' } } });
  const sizeBytes = parseSize(values.size);
  const folder = await mkdtemp(join(tmpdir(), 'doorstep-fanout-'));
  const server = await Server.start();
  const [alice, ...receivers] = await Promise.all(
    ['alice', ...RECEIVERS].map((name) => Person.arrive(name, { profile: join(folder, name) })),
  );
  if (!alice) throw new Error('nobody came');
  try {
    const path = join(folder, 'file.bin');
    await writeRandomFile(path, sizeBytes);
    await countReads(alice);
    await alice.open(server.url);
    const link = await alice.offer(path);
    for (const receiver of receivers) await receiver.enter(alice, link);
    for (const receiver of receivers) {
      await receiver.incoming('file.bin').locator('[data-testid=accept]:enabled').waitFor();
    }
    const before = await readBytes(alice);
    const times = await Promise.all(receivers.map(({ page }) => acceptMs(page, 'file.bin')));
    const read = (await readBytes(alice)) - before;
    const ratio = round(read / sizeBytes, 3);
    const receiverMBs = times.map((ms) => rate(sizeBytes, ms));
    console.log(`read ${ratio} × the file; ${receiverMBs.join(', ')} MB/s`);
    console.log(JSON.stringify({ bench: 'fanout', sizeBytes, readBytes: read, ratio, receiverMBs }));
  } finally {
    await Promise.all(
      [alice, ...receivers].map((person) => person.leave()).concat(server.stop().then(() => undefined)),
    );
    await rm(folder, { recursive: true, maxRetries: 10 });
  }
}
