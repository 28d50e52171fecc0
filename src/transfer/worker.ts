// The transfer worker: file bytes, hashes, staging and the data channels live here and nowhere else. It decides nothing
// about consent: it serves and receives the streams the page names. It can be killed at any time without harm.

import { sha256 } from '@noble/hashes/sha2.js';
import { denyListScanner } from '../safety/deny-list.ts';
import { eicarScanner } from '../safety/eicar.ts';
import type { Scanner } from '../safety/scanner.ts';
import { memoryStaging } from '../storage/memory.ts';
import { partialRecords, type PartialRecord } from '../storage/records.ts';
import type { Staging } from '../storage/sink.ts';
import { openDiskStaging } from '../storage/staging.ts';
import { LinkEnd } from './link-end.ts';
import { portChannel } from './pump.ts';
import { ScanQueue } from './scan.ts';
import { Sources } from './source.ts';
import { PageWindow } from './window.ts';
import { WorkerLane } from './worker-lane.ts';
import type { FromWorker, LaneChannel, ToWorker } from './worker-messages.ts';

declare const self: DedicatedWorkerGlobalScope;

/** Each report is drawn, and drawing takes from what moves. */
const PROGRESS_MS = 500;

/** Without its records nothing can be gone on with: then nothing is kept. */
const records = partialRecords.all(Date.now()).catch(() => new Map<string, PartialRecord>());
const isKept = async (name: string) => (await records).has(name);
const staging: Promise<Staging> = openDiskStaging(isKept).then((disk) => disk ?? memoryStaging());
let scanners: readonly Scanner[] = [eicarScanner];
const page = {
  sources: new Sources(),
  staging,
  window: new PageWindow(),
  scanners: () => scanners,
  scans: new ScanQueue(),
};
const lanes = new Map<number, WorkerLane>();
/** By the number of their first lane. */
const links = new Map<number, LinkEnd>();

function tell(message: FromWorker): void {
  self.postMessage(message);
}

function reportProgress(): void {
  const moved = [...links.values()].flatMap((link) => [...link.moved()]);
  if (moved.length) tell({ type: 'progress', moved });
}

function adopt(lane: number, channel: LaneChannel): void {
  lanes.set(lane, new WorkerLane(lane, channel));
}

function open(link: number, lane: number, maxMessageBytes: number): void {
  const adopted = lanes.get(lane);
  if (!adopted) return;
  let end = links.get(link);
  if (!end && link === lane) links.set(link, (end = new LinkEnd(link, page, tell)));
  end?.open(adopted, maxMessageBytes);
}

function close(lane: number): void {
  lanes.get(lane)?.close();
  lanes.delete(lane);
  const link = links.get(lane);
  link?.close();
  if (!link?.holdsFiles) links.delete(lane);
}

/** One after the other: a mark that is being written cannot be opened. */
let marked = Promise.resolve();

function keepForDownload(partials: readonly string[], others: boolean): void {
  marked = marked
    .then(async () => (await staging).keepForDownload(partials, others))
    // No room even for that: then whoever leaves the page at once loses the download.
    .catch(() => undefined);
}

/** What another tab goes on with stays, and its record too. */
async function drop(partial: string): Promise<void> {
  if (await (await staging).drop(partial)) await partialRecords.remove(partial);
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case 'adopt':
      adopt(data.lane, data.channel);
      return;
    case 'adopt-port':
      adopt(data.lane, portChannel(data.port));
      return;
    case 'open':
      open(data.link, data.lane, data.maxMessageBytes);
      return;
    case 'ask':
      return lanes.get(data.lane)?.ask();
    case 'close':
      close(data.lane);
      return;
    case 'serve':
      return links.get(data.link)?.serve(data.stream, data.source, data.file, data.resume);
    case 'receive':
      return links.get(data.link)?.receive(data.stream, data.size, data.partial, data.named);
    case 'pause':
      return links.get(data.link)?.pause(data.way, data.stream);
    case 'resume':
      return links.get(data.link)?.resume(data.way, data.stream);
    case 'root':
      return links.get(data.link)?.root(data.stream, data.root);
    case 'stop':
      return links.get(data.link)?.stop(data.way, data.stream);
    case 'keep-for-download':
      keepForDownload(data.partials, data.others);
      return;
    case 'deny':
      scanners = [eicarScanner, denyListScanner(new Set(data.hashes), () => sha256.create())];
      return;
    case 'drop':
      void drop(data.partial).catch(() => undefined);
      return;
  }
};

setInterval(reportProgress, PROGRESS_MS);
void staging.then(({ kind }) => tell({ type: 'ready', staging: kind }));
