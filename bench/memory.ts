// What a transfer costs in memory: the peak of each page's renderer over its idle figure, private bytes, for a file of
// 256 MiB and one of 2 GiB between two Chromium processes.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Person } from '../e2e/person.ts';
import { privateBytes, renderers } from '../e2e/processes.ts';
import { Server } from '../e2e/server.ts';
import { parseSize, round, writeRandomFile } from './measure.ts';

const MiB = 2 ** 20;
const SAMPLE_MS = 100;
const QUIET_MS = 3_000;
const TRANSFER_MS = 600_000;

/** Watches a browser's renderers until it is stopped; then how far the one that grew most went over what it had. */
async function watch(profile: string): Promise<() => number> {
  const pids = await renderers(profile);
  if (!pids.length) throw new Error(`no renderer of ${profile} was found`);
  const idle = await Promise.all(pids.map(privateBytes));
  const peaks = [...idle];
  const timer = setInterval(() => {
    pids.forEach((pid, i) => void privateBytes(pid).then((now) => (peaks[i] = Math.max(peaks[i] ?? 0, now))));
  }, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    return Math.max(...peaks.map((peak, i) => peak - (idle[i] ?? 0)));
  };
}

interface Peaks {
  readonly sizeBytes: number;
  readonly senderMiB: number;
  readonly receiverMiB: number;
}

async function measure(sizeBytes: number, folder: string, server: Server): Promise<Peaks> {
  const profiles = ['alice', 'bob'].map((name) => join(folder, `${name}-${sizeBytes}`));
  const people = await Promise.all(profiles.map((profile, i) => Person.arrive(i ? 'bob' : 'alice', { profile })));
  const [alice, bob] = people;
  if (!alice || !bob) throw new Error('nobody came');
  const path = join(folder, 'file.bin');
  try {
    await writeRandomFile(path, sizeBytes);
    await alice.open(server.url);
    await bob.enter(alice, await alice.offer(path));
    await bob.sees('file.bin', 'offered');
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const stops = await Promise.all(profiles.map(watch));
    await bob.accept('file.bin');
    await bob.sees('file.bin', 'verified', TRANSFER_MS);
    const [sender = NaN, receiver = NaN] = stops.map((stop) => round(stop() / MiB, 1));
    return { sizeBytes, senderMiB: sender, receiverMiB: receiver };
  } finally {
    await Promise.all(people.map((person) => person.leave()));
    await rm(path, { force: true });
    for (const profile of profiles) await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { small: { type: 'string', default: '256MiB' }, large: { type: 'string', default: '2GiB' } },
  });
  const folder = await mkdtemp(join(tmpdir(), 'doorstep-memory-'));
  const server = await Server.start();
  try {
    const peaks: Peaks[] = [];
    for (const size of [values.small, values.large]) {
      const peak = await measure(parseSize(size), folder, server);
      console.log(`${size}: sender +${peak.senderMiB} MiB, receiver +${peak.receiverMiB} MiB`);
      peaks.push(peak);
    }
    console.log(JSON.stringify({ bench: 'memory', peaks }));
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, maxRetries: 10 });
  }
}
