// The app (accept click → verified) against one and against eight raw channels over a path with delay and loss: each
// browser reaches a TURN server through a relay of ours, and the other browser only through that server. All alternate in
// one run; what a browser's socket loses on a busy machine is lost to all. Everything starts cold: every transfer has a room
// of its own, every raw channel a connection of its own, and the slow start of both is in their figures.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright';
import { turnServer } from '../.ci/prepare.mjs';
import { Coturn } from '../e2e/coturn.ts';
import { Person } from '../e2e/person.ts';
import { Relay, type RelayOptions } from '../e2e/relay.ts';
import { peakConnections, relayOnly } from '../e2e/relayed.ts';
import { Server } from '../e2e/server.ts';
import { median, parseSize, rate, round, writeRandomFile } from './measure.ts';
import { rawTransfer } from './raw-channel.ts';
import { acceptMs } from './transfer.ts';

interface Path {
  readonly rttMs: number;
  /** End to end, each way. */
  readonly loss: number;
  /** What the app sends, and a raw channel if it is quick enough. */
  readonly sizeBytes: number;
}

interface Measured extends Path {
  /** Median of the app's rate over that of one raw channel in the same round. */
  readonly ratioMedian: number;
  readonly ratio8Median: number;
  readonly appMBs: number[];
  readonly rawMBs: number[];
  readonly raw8MBs: number[];
  /** Connections the receiver had at once, at most, of all rounds the most. */
  readonly lanes: number;
}

/** The slow one with less, so that all of it takes about a quarter of an hour. */
const PATHS = ['40,0.005', '100,0.01,20MiB', '100,0', '0,0'];
const SIZE = '32MiB';
const MANY = 8;
/** One raw channel on the worst path would take five minutes for the file: its rate is known long before. */
const RAW_MS = 12_000;
const SEED = 7;
/**
 * A path with a delay has a rate too, 100 Mbit/s with its queue: without one the relay's timer hands whole windows to a
 * browser at once, and its socket loses half of them.
 */
const LINK = { bytesPerSecond: 12.5e6, queueBytes: 2 ** 20 };

/** `40,0.005` or `40,0.005,16MiB`: the round trip in ms, the share that is lost, the size if it is not the usual one. */
function parsePath(text: string, size: string): Path {
  const [rtt, lost, own] = text.split(',');
  const [rttMs, loss] = [Number(rtt), Number(lost)];
  if (!(rttMs >= 0 && loss >= 0 && loss < 1)) throw new Error(`a path is like 40,0.005, not ${text}`);
  return { rttMs, loss, sizeBytes: parseSize(own ?? size) };
}

/**
 * What each browser's own leg needs for the path from end to end to be so. Between the two allocations a packet stays
 * inside the TURN server: one way it crosses two legs, there and back four. It arrives when neither leg loses it.
 */
function legOf({ rttMs, loss }: Path): Omit<RelayOptions, 'to'> {
  return { delayMs: rttMs / 4, loss: 1 - Math.sqrt(1 - loss), ...(rttMs > 0 && LINK) };
}

interface Bench {
  readonly server: Server;
  readonly relay: Relay;
  readonly alice: Person;
  readonly bob: Person;
  readonly rawFrom: Page;
  readonly rawTo: Page;
  /** The file that is sent. */
  readonly file: string;
  readonly sizeBytes: number;
}

async function appRound({
  server,
  relay,
  alice,
  bob,
  file,
  sizeBytes,
}: Bench): Promise<{ MBs: number; lanes: number }> {
  const before = relay.downBytes;
  // Browsers lower the priority of tabs behind others: each kind runs in front.
  await Promise.all([alice.page.bringToFront(), bob.page.bringToFront()]);
  await alice.open(server.url);
  await bob.enter(alice, await alice.offer(file));
  // It takes no click in its first half second.
  await bob.incoming('file.bin').locator('[data-testid=accept]:enabled').waitFor();
  const MBs = rate(sizeBytes, await acceptMs(bob.page, 'file.bin'));
  await alice.seesDelivery('file.bin', 'verified');
  if (relay.downBytes - before < sizeBytes) throw new Error('it did not come through the relay');
  const lanes = await peakConnections(bob);
  for (const { page } of [alice, bob]) {
    await page.getByTestId('leave').click();
    // Another fragment alone would be the same page.
    await page.goto('about:blank');
  }
  return { MBs, lanes };
}

async function rawRound({ rawFrom, rawTo, sizeBytes }: Bench, connections: number): Promise<number> {
  await Promise.all([rawFrom.bringToFront(), rawTo.bringToFront()]);
  const { bytes, ms } = await rawTransfer(rawFrom, rawTo, { sizeBytes, connections, maxMs: RAW_MS });
  return rate(bytes, ms);
}

async function rounds(path: Path, runs: number, bench: Bench): Promise<Measured> {
  const appMBs: number[] = [];
  const rawMBs: number[] = [];
  const raw8MBs: number[] = [];
  let lanes = 0;
  for (let run = 1; run <= runs; run++) {
    const app = await appRound(bench);
    lanes = Math.max(lanes, app.lanes);
    appMBs.push(app.MBs);
    rawMBs.push(await rawRound(bench, 1));
    raw8MBs.push(await rawRound(bench, MANY));
    const raws = `raw ${rawMBs.at(-1) ?? 0}, ${MANY} raw ${raw8MBs.at(-1) ?? 0} MB/s`;
    console.log(`${path.rttMs} ms, ${path.loss}: run ${run}: app ${app.MBs} MB/s on ${app.lanes} lanes, ${raws}`);
  }
  const ratio = (raws: number[]) => round(median(appMBs.map((app, i) => app / (raws[i] ?? NaN))));
  return { ...path, ratioMedian: ratio(rawMBs), ratio8Median: ratio(raw8MBs), appMBs, rawMBs, raw8MBs, lanes };
}

/** Measures one path, with browsers, relay and TURN server of its own. */
async function measure(path: Path, runs: number): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'doorstep-wan-'));
  const leaving: (() => Promise<unknown>)[] = [];
  try {
    const server = await Server.start();
    leaving.push(() => server.stop());
    const coturn = await Coturn.start();
    leaving.push(() => coturn.stop());
    const relay = await Relay.start({ to: coturn.port, seed: SEED, ...legOf(path) });
    leaving.push(() => relay.stop());
    const come = async (name: string) => {
      const person = await Person.arrive(name, { profile: join(folder, name) });
      leaving.push(() => person.leave());
      await relayOnly(person, Coturn.iceServer(relay.port));
      const raw = await person.context.newPage();
      await raw.goto(`${server.url}healthz`);
      return { person, raw };
    };
    const [{ person: alice, raw: rawFrom }, { person: bob, raw: rawTo }] = await Promise.all([
      come('alice'),
      come('bob'),
    ]);
    const file = join(folder, 'file.bin');
    const { sizeBytes } = path;
    await writeRandomFile(file, sizeBytes);
    return await rounds(path, runs, { server, relay, alice, bob, rawFrom, rawTo, file, sizeBytes });
  } finally {
    // One left behind would keep the terminal.
    for (const leave of leaving.reverse()) await leave();
    await rm(folder, { recursive: true, maxRetries: 10 });
  }
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '3' },
      size: { type: 'string', default: SIZE },
      path: { type: 'string', multiple: true, default: PATHS },
    },
  });
  turnServer();
  const paths: Measured[] = [];
  for (const text of values.path) {
    const measured = await measure(parsePath(text, values.size), Number(values.runs));
    paths.push(measured);
    console.log(`${text}: ratio to one raw channel ${measured.ratioMedian}, to ${MANY} ${measured.ratio8Median}`);
  }
  console.log(JSON.stringify({ bench: 'wan', paths }));
}
