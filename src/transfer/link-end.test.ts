// The worker's end of a link looks at what it receives: at the first bytes while more is to come, at the whole when it is.

import { expect, test } from 'vitest';
import { decodeFrame } from '../protocol/frames.ts';
import { MAX_FRAME_BYTES, MiB } from '../protocol/limits.ts';
import { utf8, type Bytes } from '../protocol/bytes.ts';
import { EICAR_HALVES, eicarScanner } from '../safety/eicar.ts';
import type { Scanner } from '../safety/scanner.ts';
import { memoryStaging } from '../storage/memory.ts';
import { DataEnd } from '../testing/doorsteps.ts';
import { noise } from '../testing/noise.ts';
import { settle } from '../testing/scheduler.ts';
import { LinkEnd } from './link-end.ts';
import { ScanQueue } from './scan.ts';
import { Sources } from './source.ts';
import { PageWindow } from './window.ts';
import { WorkerLane } from './worker-lane.ts';
import type { FromWorker, Named, PartialName } from './worker-messages.ts';

const LINK = 1;
const STREAM = 7;
const MAX_ROUNDS = 5_000;
const EXE = Uint8Array.from([0x4d, 0x5a, ...new Uint8Array(58), 64, 0, 0, 0, 0x50, 0x45, 0, 0]);

function end(staging = memoryStaging(), scanners: readonly Scanner[] = []) {
  const told: FromWorker[] = [];
  const page = {
    ...{ sources: new Sources(), staging: Promise.resolve(staging), window: new PageWindow() },
    ...{ scanners: () => scanners, scans: new ScanQueue() },
  };
  const data = new DataEnd(() => undefined);
  const link = new LinkEnd(LINK, page, (message) => told.push(message));
  const lane = new WorkerLane(LINK, data);
  link.open(lane, MAX_FRAME_BYTES);
  lane.ask();
  return { told, data, link };
}

type Side = ReturnType<typeof end>;

/** Lets everything arrive until something was told; `keptFrom`: file bytes from that piece on do not. */
async function carry(giver: Side, taker: Side, until: () => unknown, keptFrom = Infinity): Promise<void> {
  for (let rounds = 0; !until(); rounds++) {
    if (rounds > MAX_ROUNDS) throw new Error('it never comes to that');
    for (const [from, to] of [
      [giver, taker],
      [taker, giver],
    ] as const) {
      for (let frame = from.data.onTheWay[0]; frame; frame = from.data.onTheWay[0]) {
        const decoded = decodeFrame(frame.slice().buffer);
        if (decoded.kind === 'data' && decoded.piece >= keptFrom) break;
        from.data.take();
        to.data.onmessage?.(new MessageEvent('message', { data: frame.slice().buffer }));
      }
    }
    // Files are read and hashed by other threads.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A file that is accepted, and both ends of its link. */
async function accepted(content: Bytes, named: Named, taker = end(), partial?: PartialName) {
  const giver = end();
  giver.link.serve(STREAM, 1, new File([content], named.name), partial?.resume ?? false);
  taker.link.receive(STREAM, content.length, partial, named);
  await settle();
  return { giver, taker };
}

const said = ({ told }: Side, type: FromWorker['type']) => told.find((message) => message.type === type);

/** Everything arrives, the root too, and the last that is to be told is. */
async function complete(giver: Side, taker: Side, last: FromWorker['type'] = 'staged'): Promise<void> {
  await carry(giver, taker, () => said(giver, 'served'));
  const served = said(giver, 'served');
  if (served?.type === 'served') taker.link.root(STREAM, served.root);
  await carry(giver, taker, () => said(taker, last));
}

const kinds = ({ told }: Side) => told.map(({ type }) => type).filter((type) => type !== 'progress');
const program = () => {
  const bytes = noise(3 * MiB, 1);
  bytes.set(EXE);
  return bytes;
};

test('a lie is told when its first piece is here, before the others', async () => {
  const { giver, taker } = await accepted(program(), { name: 'photo.jpg', type: 'image/jpeg' });
  await carry(giver, taker, () => said(taker, 'judged'), 1);
  expect(taker.told).toMatchObject([
    {
      ...{ type: 'judged', way: 'in', link: LINK, stream: STREAM },
      verdict: { risk: 'dangerous', lie: true, warning: 'Looks like a Windows program, named .jpg.' },
    },
  ]);
  await complete(giver, taker);
  expect(kinds(taker)).toEqual(['judged', 'staged']);
});

test('what is what its name says is not talked about', async () => {
  const { giver, taker } = await accepted(program(), { name: 'setup.exe', type: '' });
  await complete(giver, taker);
  expect(kinds(taker)).toEqual(['staged']);
  expect(taker.told).toMatchObject([{ scanning: false }]);
});

test('of a file whose first bytes came in an earlier session they are looked at when it is whole', async () => {
  const staging = memoryStaging();
  const content = program();
  const named = { name: 'photo.jpg', type: '' };
  const first = await accepted(content, named, end(staging), { name: 'kept', resume: false });
  await carry(first.giver, first.taker, () => said(first.taker, 'judged'), 2);
  expect(kinds(first.taker)).toEqual(['judged']);
  first.taker.link.close();
  first.giver.link.close();
  await settle();

  const again = await accepted(content, named, end(staging), { name: 'kept', resume: true });
  await complete(again.giver, again.taker);
  expect(kinds(again.taker)).toEqual(['judged', 'staged']);
});

test('an empty file is nothing but its name', async () => {
  const { giver, taker } = await accepted(new Uint8Array(0), { name: 'photo.jpg', type: '' });
  await complete(giver, taker);
  expect(kinds(taker)).toEqual(['staged']);
});

test('a whole file is looked through by who wants to, and what was found is told after it is staged', async () => {
  const named = { name: 'notes.txt', type: '' };
  const eicar = utf8(EICAR_HALVES.join(''));
  const found = await accepted(eicar, named, end(memoryStaging(), [eicarScanner]));
  await complete(found.giver, found.taker, 'scanned');
  expect(found.taker.told).toMatchObject([
    { type: 'staged', scanning: true },
    { type: 'scanned', stream: STREAM, found: ['This is the EICAR test file, which stands for a virus.'] },
  ]);

  const clean = await accepted(eicar.fill(32), named, end(memoryStaging(), [eicarScanner]));
  await complete(clean.giver, clean.taker, 'scanned');
  expect(clean.taker.told).toMatchObject([
    { type: 'staged', scanning: true },
    { type: 'scanned', found: [] },
  ]);
});
