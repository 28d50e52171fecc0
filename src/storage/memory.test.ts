import { expect, test } from 'vitest';
import { HASH_BYTES } from '../protocol/hash-list.ts';
import { expectBytes, failureOf, settled } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { memoryStaging } from './memory.ts';
import type { PartialFile, Sink, Staging } from './sink.ts';

const MAX_BYTES = 100;
const HASH = new Uint8Array(HASH_BYTES).fill(7);

const partial = (resume: boolean, name = 'a'): PartialFile => ({ name, pieces: 2, pieceBytes: 40, resume });
const known = (sink: Sink) => [...sink.held.known()];

async function bytesOf(sink: Sink): Promise<Uint8Array> {
  return new Uint8Array(await (await sink.finish()).arrayBuffer());
}

/** Holds that there is room for so many bytes, and for none more. */
async function expectRoom(staging: Staging, bytes: number): Promise<void> {
  expect(await settled(staging.open(bytes + 1))).toEqual(failureOf('memory-full'));
  await (await staging.open(bytes)).discard();
}

/** A partial file of 60 bytes whose second piece was written and noted, let go of. */
async function released(staging: Staging, name = 'a'): Promise<void> {
  const sink = await staging.open(60, partial(false, name));
  await sink.write(40, noise(20));
  sink.note(1, HASH);
  await sink.release();
}

test('a file is what was written, wherever it was written first', async () => {
  const sink = await memoryStaging().open(60);
  await sink.write(40, noise(60).slice(40));
  await sink.write(0, noise(40));
  expectBytes(await bytesOf(sink), noise(60));
});

test('all files together fit the bound, to the byte', async () => {
  const staging = memoryStaging(MAX_BYTES);
  await staging.open(60);
  await expectRoom(staging, 40);
  const full = await staging.open(40, partial(false));
  await expectRoom(staging, 0);
  await full.discard();
  await expectRoom(staging, 40);
});

test('a finished file takes its room until it is discarded', async () => {
  const staging = memoryStaging(MAX_BYTES);
  const sink = await staging.open(60);
  await sink.finish();
  await expectRoom(staging, 40);
  await sink.discard();
  await expectRoom(staging, MAX_BYTES);
});

test.each([
  ['a file', undefined],
  ['a partial file', partial(false)],
])('%s is freed once, however often it is discarded or released', async (_, kept) => {
  const staging = memoryStaging(MAX_BYTES);
  await staging.open(20);
  const sink = await staging.open(60, kept);
  for (const end of ['discard', 'discard', 'release'] as const) await sink[end]();
  await expectRoom(staging, 80);
  expect(known(await staging.open(60, partial(true)))).toEqual([]);
});

test('a file that is gone with its page is freed when it is released', async () => {
  const staging = memoryStaging(MAX_BYTES);
  const sink = await staging.open(60);
  sink.note(0, HASH);
  await sink.release();
  await expectRoom(staging, MAX_BYTES);
});

test('nothing is held of a file that is new', async () => {
  const sink = await memoryStaging().open(60, partial(true));
  expect(known(sink)).toEqual([]);
  sink.note(0, HASH);
  expect(known(sink)).toEqual([]);
});

test('a released partial file is gone on with: its bytes and its hashes are there', async () => {
  const staging = memoryStaging(MAX_BYTES);
  await released(staging);
  const sink = await staging.open(60, partial(true));
  expect(known(sink)).toEqual([1]);
  expectBytes(sink.held.at(1), HASH);
  await sink.write(0, noise(40, 9));
  expectBytes(await bytesOf(sink), new Uint8Array([...noise(40, 9), ...noise(20)]));
});

test('a partial file can be released and gone on with again and again, in the room of one', async () => {
  const staging = memoryStaging(MAX_BYTES);
  await released(staging);
  const again = await staging.open(60, partial(true));
  await again.write(0, noise(40, 9));
  again.note(0, HASH);
  await again.release();
  await expectRoom(staging, 40);
  const sink = await staging.open(60, partial(true));
  expect(known(sink)).toEqual([0, 1]);
  expectBytes(await bytesOf(sink), new Uint8Array([...noise(40, 9), ...noise(20)]));
  await sink.discard();
  await expectRoom(staging, MAX_BYTES);
});

test.each([
  ['without resume', 60, partial(false)],
  ['with another size', 50, partial(true)],
])('a released partial file opened %s is begun anew, in its old room', async (_, size, opened) => {
  const staging = memoryStaging(MAX_BYTES);
  await released(staging);
  const sink = await staging.open(size, opened);
  await expectRoom(staging, MAX_BYTES - size);
  expect(known(sink)).toEqual([]);
  expectBytes(await bytesOf(sink), new Uint8Array(size));
});

test('partial files are known by their names', async () => {
  const staging = memoryStaging();
  await released(staging, 'a');
  expect(known(await staging.open(60, partial(true, 'b')))).toEqual([]);
  expect(known(await staging.open(60, partial(true, 'a')))).toEqual([1]);
});

test('a released partial file takes its room until it is dropped', async () => {
  const staging = memoryStaging(MAX_BYTES);
  await released(staging);
  await expectRoom(staging, 40);
  await staging.drop('b');
  await expectRoom(staging, 40);
  for (let twice = 0; twice < 2; twice++) {
    await staging.drop('a');
    await expectRoom(staging, MAX_BYTES);
  }
  expect(known(await staging.open(60, partial(true)))).toEqual([]);
});

test('an open partial file cannot be dropped', async () => {
  const staging = memoryStaging(MAX_BYTES);
  const sink = await staging.open(60, partial(false));
  sink.note(0, HASH);
  await staging.drop('a');
  await expectRoom(staging, 40);
  await sink.release();
  expect(known(await staging.open(60, partial(true)))).toEqual([0]);
});

test('what is done with it after the release changes nothing', async () => {
  const staging = memoryStaging(MAX_BYTES);
  const sink = await staging.open(60, partial(false));
  await sink.release();
  await sink.write(0, noise(60));
  sink.note(0, HASH);
  await sink.discard();
  await expectRoom(staging, 40);
  const again = await staging.open(60, partial(true));
  expect(known(again)).toEqual([]);
  expectBytes(await bytesOf(again), new Uint8Array(60));
});

test('two open at once under one name leave no room taken once they are released and dropped', async () => {
  const staging = memoryStaging(MAX_BYTES);
  const both = [await staging.open(50, partial(true)), await staging.open(50, partial(true))];
  for (const sink of both) await sink.release();
  await staging.drop('a');
  await expectRoom(staging, MAX_BYTES);
});
