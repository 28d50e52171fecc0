import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MiB } from '../protocol/limits.ts';
import { expectBytes, failureOf, settled } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { settle } from '../testing/scheduler.ts';
import { Packs, type PackFile } from './pack.ts';
import type { Sink } from './sink.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

interface Disk {
  readonly packs: Packs;
  /** The packs there are, and whether they can be read. */
  readonly files: { closed: boolean }[];
  /** How many were ever made. */
  made: number;
  isFull: boolean;
}

/** A disk as a browser has it: a file that is written to after it was handed out cannot be read. */
function disk(): Disk {
  const there: Disk = {
    packs: new Packs(() => (there.isFull ? Promise.reject(new Failure('disk-full')) : Promise.resolve(create()))),
    files: [],
    made: 0,
    isFull: false,
  };
  const create = (): PackFile => {
    const file = { closed: false };
    const parts: Bytes[] = [];
    there.files.push(file);
    there.made++;
    return {
      write(at, bytes) {
        if (file.closed) throw new Error('written after it was closed');
        if (there.isFull) throw new Failure('disk-full');
        expect(at).toBe(parts.reduce((sum, { length }) => sum + length, 0));
        parts.push(bytes.slice());
      },
      finish() {
        file.closed = true;
        return Promise.resolve(new Blob(parts));
      },
      discard() {
        const index = there.files.indexOf(file);
        if (index < 0) return Promise.reject(new Error('removed twice'));
        there.files.splice(index, 1);
        return Promise.resolve();
      },
    };
  };
  return there;
}

async function bytesOf(file: Promise<Blob>): Promise<Uint8Array> {
  return new Uint8Array(await (await file).arrayBuffer());
}

async function written(packs: Packs, bytes: Bytes): Promise<Sink> {
  const sink = await packs.open(bytes.length);
  await sink.write(0, bytes);
  return sink;
}

/** Files of different lengths and bytes, an empty one among them. */
const contents = [0, 1, 100, MiB, 7, 300].map((length, i) => noise(length, i * 1000));

test('small files share a file on disk, and each is what was written', async () => {
  const { packs, files } = disk();
  const sinks = await Promise.all(contents.map((bytes) => packs.open(bytes.length)));
  for (const [i, sink] of [...sinks.entries()].reverse()) {
    const bytes = contents[i] ?? noise(0);
    if (bytes.length) await sink.write(0, bytes);
  }
  const whole = await Promise.all(sinks.map((sink) => bytesOf(sink.finish())));
  for (const [i, bytes] of whole.entries()) expectBytes(bytes, contents[i] ?? noise(1));
  expect(files).toEqual([{ closed: true }]);
});

test('a file on its own is readable at once, and does not wait for others', async () => {
  const { packs } = disk();
  expectBytes(await bytesOf((await written(packs, noise(9))).finish()), noise(9));
});

test('a whole file waits a moment while others are on their way, and no longer than for the last', async () => {
  const { packs } = disk();
  let readable = 0;
  const finish = (sink: Sink) => sink.finish().then(() => readable++);
  const [first, second, third] = [await written(packs, noise(9)), await written(packs, noise(5)), await packs.open(4)];
  await third.write(0, noise(4));
  const both = [finish(first), finish(second)];
  vi.advanceTimersByTime(99);
  await settle();
  expect(readable).toBe(0);
  await Promise.all([...both, finish(third)]);
  expect(readable).toBe(3);
});

test('what comes when its pack is closed goes into another', async () => {
  const { packs, files } = disk();
  const [done, late] = [await written(packs, noise(9)), await packs.open(4)];
  const whole = done.finish();
  vi.advanceTimersByTime(100);
  await whole;
  await late.write(0, noise(4, 5));
  expectBytes(await bytesOf(late.finish()), noise(4, 5));
  expectBytes(await bytesOf(whole), noise(9));
  expect(files).toEqual([{ closed: true }, { closed: true }]);
});

test('a pack takes 64 MiB, and the next file goes into another', async () => {
  const disks = disk();
  const sinks: Sink[] = [];
  for (let i = 0; i < 65; i++) sinks.push(await written(disks.packs, noise(MiB)));
  expect(disks.files).toEqual([{ closed: true }, { closed: false }]);
});

test('a pack goes when nothing of it is held any more: on its way, whole, or never written', async () => {
  const { packs, files } = disk();
  const [first, second, third] = [await written(packs, noise(9)), await written(packs, noise(5)), await packs.open(3)];
  const whole = [first, second].map((sink) => sink.finish());
  vi.advanceTimersByTime(100);
  await Promise.all(whole);
  await first.discard();
  await first.discard();
  await third.release();
  expect(files).toHaveLength(1);
  await second.discard();
  expect(files).toEqual([]);
});

test('a file that is let go of alone leaves nothing, whatever it was doing', async () => {
  const { packs, files } = disk();
  await (await packs.open(9)).discard();
  await (await written(packs, noise(9))).release();
  const sink = await written(packs, noise(9));
  const other = await packs.open(4);
  const waiting = settled(sink.finish());
  await Promise.all([sink.discard(), other.discard()]);
  expect(await waiting).toEqual(failureOf('cancelled'));
  expect(files).toEqual([]);
});

test('a file that is let go of while a new pack is made for it leaves nothing', async () => {
  const { packs, files } = disk();
  const [done, late] = [await written(packs, noise(9)), await packs.open(4)];
  const whole = done.finish();
  vi.advanceTimersByTime(100);
  await whole;
  const writing = late.write(0, noise(4));
  await late.discard();
  await writing;
  expect(files).toHaveLength(1);
  await done.discard();
  expect(files).toEqual([]);
});

test('where there is no room the write says so, and the file has its place when there is', async () => {
  const disks = disk();
  const [before, sink] = [await written(disks.packs, noise(9)), await disks.packs.open(4)];
  disks.isFull = true;
  expect(await settled(Promise.resolve(sink.write(0, noise(4))))).toEqual(failureOf('disk-full'));
  disks.isFull = false;
  await sink.write(0, noise(4));
  const whole = [before, sink].map((one) => bytesOf(one.finish()));
  expectBytes((await whole[0]) ?? noise(0), noise(9));
  expectBytes((await whole[1]) ?? noise(0), noise(4));
});

test('a pack that could not be made is tried again for the next file', async () => {
  const disks = disk();
  disks.isFull = true;
  expect(await settled(disks.packs.open(4))).toEqual(failureOf('disk-full'));
  disks.isFull = false;
  expectBytes(await bytesOf((await written(disks.packs, noise(4))).finish()), noise(4));
});

test('many files make few packs', async () => {
  const disks = disk();
  const sinks = await Promise.all(Array.from({ length: 500 }, () => written(disks.packs, noise(40))));
  await Promise.all(sinks.map((sink) => sink.finish()));
  expect(disks.made).toBe(1);
});
