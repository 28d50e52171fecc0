// Files that are gone on with: of some of their pieces the receiver has bytes from an earlier session.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame, type Frame } from '../protocol/frames.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';
import { EARLY_REQUEST_MS, FRAME_UNIT_BYTES, KiB, MAX_HAVE_HASHES, MiB } from '../protocol/limits.ts';
import { expectBytes, failureOf } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { pieceOf } from '../testing/source-piece.ts';
import { changedIn, hashesOf, resumedLink, sha256Now, type ResumedFile } from '../testing/resumed-link.ts';
import { hashInStep, Scheduler, settle } from '../testing/scheduler.ts';
import { manifestOf, rootOf } from './manifest.ts';
import { Receiver, type ReceiverPort } from './receiver.ts';
import { PageWindow } from './window.ts';
import { Sender, type SenderPort } from './sender.ts';
import { windowBytes } from './window.ts';

const STEP_BYTES = 64 * KiB;

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

const piecesOf = (size: number) => [...Array(manifestOf(size).pieces).keys()];
const rootOfContent = (content: Bytes) => rootOf(content.length, hashesOf(content).bytes);

/** As many hashes as a file of many pieces has, nobody knows of what; those of `held` pieces, or all. */
function madeUp(pieces: number, held: Iterable<number> = Array(pieces).keys()): HashList {
  const hashes = new HashList(pieces);
  for (const piece of held) hashes.set(piece, new Uint8Array(HASH_BYTES).fill(7));
  return hashes;
}

type ReadBytes = (stream: number, start: number, end: number) => Promise<Bytes>;
const readNoise: ReadBytes = (_stream, start, end) => Promise.resolve(noise(end).slice(start));

/** A sender whose files are all the same noise, and what came of it. */
function senderOf({
  read: readBytes = readNoise,
  hash,
}: { read?: ReadBytes; hash?: (bytes: Bytes) => Promise<Bytes> } = {}) {
  const told = { served: vi.fn(), failed: vi.fn(), fault: vi.fn() };
  const timers: { ms: number; then: () => void }[] = [];
  const read = vi.fn<SenderPort['read']>((...asked) => pieceOf(readBytes(...asked), hash));
  const sender = new Sender({
    read,
    check: () => Promise.resolve(),
    ...told,
    after: (ms, then) => timers.push({ ms, then }),
  });
  const sent: Frame[] = [];
  const addLane = (took = sent) =>
    sender.addLane({
      stepBytes: STEP_BYTES,
      send: (bytes) => took.push(decodeFrame(bytes.slice().buffer)),
      drained: () => Promise.resolve(),
    });
  const lane = addLane();
  const have = (stream: number, hashes: HashList, from = 0, on = lane) =>
    on.handle({ kind: 'have', stream, from, hashes: hashes.bytes });
  const ask = (stream: number, from: number) => lane.handle({ kind: 'request', stream, from, to: from + 1 });
  return { sender, read, sent, addLane, lane, have, ask, timers, ...told };
}

/** A receiver, and the frames it sent. */
function receiverOf(port: Partial<ReceiverPort> = {}) {
  const told = { full: vi.fn(), whole: vi.fn(), failed: vi.fn(), fault: vi.fn() };
  const receiver = new Receiver(
    { now: () => 0, hash: sha256, write: () => Promise.resolve(), ...told, ...port },
    new PageWindow(),
    Infinity,
  );
  const addLane = () => {
    const sent: Frame[] = [];
    const lane = receiver.addLane((bytes) => sent.push(decodeFrame(bytes.slice().buffer)));
    return Object.assign(lane, {
      sent,
      haves: () => sent.flatMap((frame) => (frame.kind === 'have' ? [frame] : [])),
      asked: () => sent.flatMap((frame) => (frame.kind === 'request' ? [frame.from] : [])),
      differs: (stream: number, ...pieces: number[]) => lane.handle({ kind: 'differs', stream, pieces }),
    });
  };
  return { receiver, addLane, ...told };
}

/** Goes on with one file over one lane, to the end. */
async function goOn(content: Bytes, held: readonly number[], before = content) {
  const scheduler = new Scheduler(1);
  const link = resumedLink(scheduler, { ordered: true, maxDelayMs: 0, stepBytes: STEP_BYTES });
  link.addLane();
  link.accept({ stream: 1, content, before, held });
  await scheduler.run();
  expect(link.bad).toEqual([]);
  const root = await rootOfContent(content);
  expect([link.served, link.whole]).toEqual([[[1, root]], [[1, root]]]);
  expectBytes(link.staged.get(1) ?? noise(0), content);
  return link;
}

describe('a file that is gone on with', () => {
  const size = 4 * MiB + 100;

  test('is fetched in the pieces that are missing, and is what the sender has', async () => {
    const link = await goOn(noise(size), [0, 2, 4]);
    expect([link.asked(1), link.travelled(1), link.differing(1)]).toEqual([[1, 3], [1, 3], []]);
    expect(link.sentBytes.get(1)).toBe(size);
  });

  test('of which all is held sends no byte, and is whole', async () => {
    const link = await goOn(noise(size), [0, 1, 2, 3, 4]);
    expect(link.sent.map(({ frame }) => frame.kind)).toEqual(['have']);
    expect(link.sentBytes.get(1)).toBe(size);
  });

  test.each([
    ['a full piece', [1]],
    ['the shorter last piece', [4]],
    ['several pieces', [0, 2, 4]],
  ])('that has other bytes now in %s is told so, and fetched there', async (_, changed) => {
    const link = await goOn(noise(size), [0, 1, 2, 4], changedIn(noise(size), changed));
    expect(link.differing(1)).toEqual(changed);
    expect(link.travelled(1)).toEqual([3, ...changed]);
    expect(link.asked(1)).toEqual([3, ...changed]);
    expect(link.sentBytes.get(1)).toBe(size);
  });

  test('that is another one of the same size now is fetched in whole', async () => {
    const link = await goOn(noise(size), [0, 1, 2, 3, 4], noise(size, 1_000));
    expect(link.differing(1)).toEqual([0, 1, 2, 3, 4]);
    expect(link.travelled(1)).toEqual([0, 1, 2, 3, 4]);
  });

  test('of which nothing is held is a plain transfer', async () => {
    const link = await goOn(noise(size), []);
    expect(link.framesOf('have', 1)).toEqual([]);
    expect(link.asked(1)).toEqual([0, 1, 2, 3, 4]);
  });

  test('and has no byte is whole', async () => {
    const link = await goOn(noise(0), []);
    expect(link.sent).toEqual([]);
  });
});

describe('what is held is told', () => {
  const many = 2 * MAX_HAVE_HASHES + 452;

  test('in frames of 1,024 hashes, all of it', () => {
    const { receiver, addLane } = receiverOf();
    const held = madeUp(many);
    const lane = addLane();
    receiver.receive(1, many * MiB, { held });
    const haves = lane.haves();
    expect(haves.map(({ stream, from, hashes }) => [stream, from, hashes.length / HASH_BYTES])).toEqual([
      [1, 0, 1_024],
      [1, 1_024, 1_024],
      [1, 2_048, 452],
    ]);
    expectBytes(Buffer.concat(haves.map(({ hashes }) => hashes)), held.bytes);
    expect(lane.asked()).toEqual([]);
  });

  test('with zeros for what is missing, and not at all of a thousand pieces that are', () => {
    const { receiver, addLane } = receiverOf();
    const held = madeUp(many, [1_030, 2_047]);
    const lane = addLane();
    receiver.receive(1, many * MiB, { held });
    const [have, ...others] = lane.haves();
    expect([have?.from, others]).toEqual([1_024, []]);
    expectBytes(have?.hashes ?? noise(0), held.bytes.subarray(1_024 * HASH_BYTES, 2_048 * HASH_BYTES));
  });

  test('once, on the first lane only', () => {
    const { receiver, addLane } = receiverOf();
    const lanes = [addLane(), addLane()];
    receiver.receive(1, 3 * MiB, { held: madeUp(3, [1]) });
    lanes.push(addLane());
    lanes[2]?.close();
    lanes.push(addLane());
    receiver.pause(1);
    receiver.resume(1);
    receiver.receive(2, 3 * MiB, { held: madeUp(3, [2]) });
    expect(lanes.map((lane) => lane.haves().map(({ stream }) => stream))).toEqual([[1, 2], [], [], []]);
  });

  test('of files accepted before there is a lane when there is one, once, and before they are asked for', () => {
    const { receiver, addLane } = receiverOf();
    for (const stream of [1, 2]) receiver.receive(stream, 3 * MiB, { held: madeUp(3, [stream]) });
    receiver.receive(3, 3 * MiB);
    receiver.stop(2);
    const [first, second] = [addLane(), addLane()];
    expect(first.haves().map(({ stream }) => stream)).toEqual([1]);
    expect(first.sent[0]?.kind).toBe('have');
    expect(second.haves()).toEqual([]);
  });

  test('also of a paused file, and nothing is asked of it', () => {
    const { receiver, addLane } = receiverOf();
    const lane = addLane();
    receiver.receive(1, 3 * MiB, { held: madeUp(3, [1]), paused: true });
    expect(lane.sent.map(({ kind }) => kind)).toEqual(['have']);
  });
});

describe('a receiver that holds pieces', () => {
  const size = 2 * MiB + 100;
  const held = madeUp(3, [0, 2]);

  test('counts them as staged, until they differ', () => {
    const { receiver, addLane } = receiverOf();
    const lane = addLane();
    receiver.receive(1, size, { held });
    expect(receiver.stagedBytes(1)).toBe(MiB + 100);
    lane.differs(1, 2);
    expect(receiver.stagedBytes(1)).toBe(MiB);
    lane.differs(1, 0);
    expect(receiver.stagedBytes(1)).toBe(0);
  });

  test('is not whole before the root is named, and not with another root', async () => {
    const { receiver, addLane, whole, failed, fault } = receiverOf();
    addLane();
    receiver.receive(1, size, { held: hashesOf(noise(size)) });
    await settle();
    expect(whole).not.toHaveBeenCalled();
    receiver.handleRoot(1, await rootOfContent(noise(size, 1)));
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('hash-mismatch')]]);
    expect([whole.mock.calls, fault.mock.calls]).toEqual([[], []]);
  });

  test('asks once for a piece that differs, also when its turn had not come', () => {
    const { receiver, addLane, fault } = receiverOf();
    const lane = addLane();
    const content = noise(3 * MiB);
    receiver.receive(1, content.length, { held: hashesOf(content, [1, 2]), paused: true });
    lane.differs(1, 2);
    expect(lane.asked()).toEqual([]);
    receiver.resume(1);
    expect([...lane.asked()].sort()).toEqual([0, 2]);
    expect(receiver.inFlightBytes).toBe(2 * MiB);
    expect(fault).not.toHaveBeenCalled();
  });

  test('asks once for a piece that differs while the window is full', () => {
    const { receiver, addLane, fault } = receiverOf();
    const lane = addLane();
    const window = windowBytes(MiB) / MiB;
    const last = window + 2;
    receiver.receive(1, (last + 1) * MiB, { held: madeUp(last + 1, [last]) });
    expect(lane.asked()).toHaveLength(window);
    lane.differs(1, last);
    for (const piece of [...Array(last).keys()]) {
      lane.handle({ ...{ kind: 'data', stream: 1, piece, offset: 0 }, hash: new Uint8Array(32), bytes: noise(MiB) });
    }
    expect(fault).not.toHaveBeenCalled();
    expect([...lane.asked()].sort((a, b) => a - b)).toEqual([...Array(last + 1).keys()]);
  });

  test.each([
    ['a piece it lacks', [[1]]],
    ['a piece past the end', [[3]]],
    ['a piece twice', [[2, 2]]],
    ['a piece twice, one after the other', [[2], [2]]],
    ['a piece it holds and one it lacks', [[0, 1]]],
  ])('is told that %s differs, which breaks the protocol', (_, frames) => {
    const { receiver, addLane, fault } = receiverOf();
    const lane = addLane();
    receiver.receive(1, size, { held });
    const [last = [], ...before] = [...frames].reverse();
    for (const pieces of before) lane.differs(1, ...pieces);
    expect(fault).not.toHaveBeenCalled();
    lane.differs(1, ...last);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
    const sent = lane.sent.length;
    receiver.receive(2, size, { held });
    lane.differs(1, 0);
    expect([lane.sent.length, fault.mock.calls.length]).toEqual([sent, 1]);
  });

  test('is told of a file received from its beginning that a piece differs, which breaks the protocol', () => {
    const { receiver, addLane, fault } = receiverOf();
    const lane = addLane();
    receiver.receive(1, size);
    lane.differs(1, 0);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('hears nothing in what is said to differ of a file that ended', () => {
    const { receiver, addLane, fault, failed } = receiverOf();
    const lane = addLane();
    receiver.receive(1, size, { held });
    receiver.stop(1);
    const sent = lane.sent.length;
    lane.differs(1, 0, 1);
    expect([lane.sent.length, fault.mock.calls, failed.mock.calls]).toEqual([sent, [], []]);
  });

  test('keeps what it was given', () => {
    const { receiver, addLane } = receiverOf();
    const given = madeUp(3);
    receiver.receive(1, size, { held: given });
    addLane().differs(1, 0);
    expect([...given.known()]).toEqual([0, 1, 2]);
  });
});

describe('a sender that is told what is held', () => {
  const size = 3 * MiB;

  test('counts it as sent when it was compared, sends none of it, and names the file when the rest went out', async () => {
    const { sender, sent, have, ask, served, fault } = senderOf();
    sender.serve(1, size, true);
    have(1, hashesOf(noise(size), [0, 2]));
    expect(sender.sentBytes(1)).toBe(0);
    await settle();
    expect([sent, sender.sentBytes(1), served.mock.calls]).toEqual([[], 2 * MiB, []]);
    ask(1, 1);
    await settle();
    expect(sender.sentBytes(1)).toBe(size);
    expect(served.mock.calls).toEqual([[1, await rootOfContent(noise(size))]]);
    expect(fault).not.toHaveBeenCalled();
  });

  test('names the file when it was compared, if the rest went out before', async () => {
    const { sender, have, ask, served } = senderOf();
    sender.serve(1, size, true);
    ask(1, 1);
    await settle();
    expect(served).not.toHaveBeenCalled();
    have(1, hashesOf(noise(size), [0, 2]));
    await settle();
    expect(served.mock.calls).toEqual([[1, await rootOfContent(noise(size))]]);
  });

  test('counts a piece that differs only when it went out', async () => {
    const { sender, sent, have, ask, served } = senderOf();
    sender.serve(1, size, true);
    have(1, hashesOf(changedIn(noise(size), [1])));
    await settle();
    expect(sent).toEqual([{ kind: 'differs', stream: 1, pieces: [1] }]);
    expect([sender.sentBytes(1), served.mock.calls]).toEqual([2 * MiB, []]);
    ask(1, 1);
    await settle();
    expect(sender.sentBytes(1)).toBe(size);
    expect(served.mock.calls).toEqual([[1, await rootOfContent(noise(size))]]);
  });

  test('says what differs on the lane it was told on', async () => {
    const { sender, sent, addLane, have } = senderOf();
    const onOther: Frame[] = [];
    const other = addLane(onOther);
    sender.serve(1, size, true);
    have(1, hashesOf(noise(size, 1_000)), 0, other);
    await settle();
    expect([sent, onOther.map(({ kind }) => kind)]).toEqual([[], ['differs']]);
  });

  test('compares file by file of a receiver that holds several', async () => {
    const { sender, sent, have, served } = senderOf();
    for (const stream of [1, 2]) sender.serve(stream, size, true);
    have(1, hashesOf(noise(size)));
    have(2, hashesOf(changedIn(noise(size), [0])));
    await settle();
    expect(sent).toEqual([{ kind: 'differs', stream: 2, pieces: [0] }]);
    expect(served.mock.calls.map(([stream]: unknown[]) => stream)).toEqual([1]);
  });

  test('of more than a thousand pieces compares them all, and names the file once', async () => {
    const pieces = MAX_HAVE_HASHES + 100;
    const piece = new Uint8Array(MiB);
    const read = vi.fn(() => Promise.resolve(piece));
    const [ours = noise(0), theirs = noise(0)] = [7, 8].map((byte) => new Uint8Array(HASH_BYTES).fill(byte));
    const { sender, sent, have, ask, served } = senderOf({ read, hash: () => Promise.resolve(ours) });
    sender.serve(1, pieces * MiB, true);
    const held = madeUp(pieces);
    held.set(1_023, theirs);
    held.set(1_024, theirs);
    have(1, new HashList(100, held.bytes.subarray(1_024 * HASH_BYTES)), 1_024);
    have(1, new HashList(1_024, held.bytes));
    await settle();
    expect(read).toHaveBeenCalledTimes(pieces);
    expect(sent.flatMap((frame) => (frame.kind === 'differs' ? frame.pieces : [NaN])).sort()).toEqual([1_023, 1_024]);
    expect([sender.sentBytes(1), served.mock.calls]).toEqual([(pieces - 2) * MiB, []]);
    for (const differing of [1_023, 1_024]) ask(1, differing);
    await settle();
    expect(served.mock.calls).toEqual([[1, await rootOf(pieces * MiB, madeUp(pieces).bytes)]]);
  });

  test.each(['before it is told', 'while it is compared', 'when it was compared'])(
    'names the file once, though it is asked for what is held %s',
    async (when) => {
      const { sender, have, ask, served, failed, fault } = senderOf();
      sender.serve(1, MiB, true);
      if (when === 'before it is told') ask(1, 0);
      await settle();
      have(1, hashesOf(noise(MiB)));
      if (when === 'when it was compared') await settle();
      if (when !== 'before it is told') ask(1, 0);
      await settle();
      expect(served.mock.calls).toEqual([[1, await rootOfContent(noise(MiB))]]);
      expect([failed.mock.calls, fault.mock.calls]).toEqual([[], []]);
    },
  );

  test('counts a piece once that went out before it was told as held', async () => {
    const { sender, have, ask, served } = senderOf();
    sender.serve(1, 2 * MiB, true);
    ask(1, 0);
    await settle();
    have(1, hashesOf(noise(2 * MiB), [0]));
    await settle();
    expect([sender.sentBytes(1), served.mock.calls]).toEqual([MiB, []]);
  });

  test('fails a file whose held piece has other bytes when it is asked for after all', async () => {
    let reads = 0;
    const { sender, have, ask, failed } = senderOf({
      read: (_stream, start, end) => Promise.resolve(noise(end - start, reads++).slice()),
    });
    sender.serve(1, MiB, true);
    have(1, hashesOf(noise(MiB)));
    await settle();
    ask(1, 0);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('file-changed')]]);
  });
});

describe('a have', () => {
  const size = 2 * MiB;

  test('that overtakes its accept waits for it, and nothing is read before', async () => {
    const { sender, read, have, served, timers, fault } = senderOf();
    have(1, hashesOf(noise(size)));
    await settle();
    expect(read).not.toHaveBeenCalled();
    sender.serve(1, size, true);
    await settle();
    expect(served.mock.calls).toEqual([[1, await rootOfContent(noise(size))]]);
    for (const timer of timers) timer.then();
    expect(fault).not.toHaveBeenCalled();
  });

  test('of a file that is never accepted breaks the protocol', () => {
    const { have, timers, fault } = senderOf();
    have(1, hashesOf(noise(size)));
    expect(timers.map(({ ms }) => ms)).toEqual([EARLY_REQUEST_MS]);
    expect(fault).not.toHaveBeenCalled();
    timers[0]?.then();
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('of a file that was stopped says nothing', async () => {
    const { sender, read, have, timers, fault, failed } = senderOf();
    sender.serve(1, size, true);
    sender.stop(1);
    have(1, hashesOf(noise(size)));
    await settle();
    for (const timer of timers) timer.then();
    expect([read, fault, failed].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  const all = hashesOf(noise(size));
  const second = hashesOf(noise(size), [1]);
  test.each<[string, boolean, readonly (readonly [HashList, number])[]]>([
    ['of a file that is not gone on with', false, [[all, 0]]],
    ['from past the end', true, [[all, 2]]],
    ['that begins before the end and goes past it', true, [[all, 1]]],
    ['from as far as numbers go', true, [[all, 0xffff_ffff]]],
    [
      'that tells a piece again',
      true,
      [
        [all, 0],
        [second, 0],
      ],
    ],
    [
      'that tells a piece again, of another range',
      true,
      [
        [second, 0],
        [new HashList(1, all.at(1)), 1],
      ],
    ],
  ])('%s breaks the protocol', async (_, resume, haves) => {
    for (const early of [false, true]) {
      const { sender, have, sent, served, fault, failed } = senderOf();
      if (!early) sender.serve(1, size, resume);
      for (const [hashes, from] of haves) have(1, hashes, from);
      if (early) sender.serve(1, size, resume);
      expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
      await settle();
      expect([sent, served.mock.calls, failed.mock.calls]).toEqual([[], [], []]);
    }
  });

  test.each([
    ['was as it is', all],
    ['differed', hashesOf(noise(size, 1_000))],
  ])('that tells a piece again that %s breaks the protocol, also when it was compared', async (_, hashes) => {
    const { sender, have, fault } = senderOf();
    sender.serve(1, size, true);
    have(1, hashes);
    await settle();
    expect(fault).not.toHaveBeenCalled();
    have(1, second);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('may pass over in zeros what another told', async () => {
    const { sender, have, served, fault } = senderOf();
    sender.serve(1, size, true);
    have(1, second);
    have(1, hashesOf(noise(size), [0]));
    await settle();
    expect(fault).not.toHaveBeenCalled();
    expect(served.mock.calls).toEqual([[1, await rootOfContent(noise(size))]]);
  });
});

describe('a file that is compared', () => {
  const size = 4 * MiB;
  const held = hashesOf(noise(size));

  test.each<[string, string, () => Promise<Bytes>]>([
    ['cannot be read any more', 'file-unreadable', () => Promise.reject(new Failure('file-unreadable'))],
    ['is another one by its date', 'file-changed', () => Promise.reject(new Failure('file-changed'))],
    ['became shorter', 'file-changed', () => Promise.resolve(noise(MiB - 1).slice())],
    ['became empty', 'file-changed', () => Promise.resolve(noise(0).slice())],
  ])('and %s fails alone, as %s', async (_, code, gone) => {
    const { sender, sent, have, served, failed, fault } = senderOf({
      read: (stream, start, end) =>
        stream === 1 && start >= 2 * MiB ? gone() : Promise.resolve(noise(end).slice(start)),
    });
    for (const stream of [1, 2]) sender.serve(stream, size, true);
    for (const stream of [1, 2]) have(stream, held);
    await settle();
    expect(failed.mock.calls).toEqual([[1, expect.objectContaining({ code })]]);
    expect(served.mock.calls.map(([stream]: unknown[]) => stream)).toEqual([2]);
    expect([sent, fault.mock.calls]).toEqual([[], []]);
  });

  test.each([
    ['is stopped', (sender: Sender) => sender.stop(1)],
    ['is over with its link', (sender: Sender) => sender.close()],
  ])('and %s is read no further, and nothing is said of it', async (_, end) => {
    for (const before of [noise(size), noise(size, 1_000)]) {
      const reading: (() => void)[] = [];
      const read = vi.fn<ReadBytes>(
        (_stream, start, stop) => new Promise((resolve) => reading.push(() => resolve(noise(stop).slice(start)))),
      );
      const { sender, sent, have, served, failed, fault } = senderOf({ read });
      sender.serve(1, size, true);
      have(1, hashesOf(before));
      const goOnReading = async () => {
        for (const done of reading.splice(0)) done();
        await settle();
      };
      await goOnReading();
      const reads = read.mock.calls.length;
      expect(reads).toBeLessThan(4);
      end(sender);
      for (let i = 0; i < 4; i++) await goOnReading();
      expect(read).toHaveBeenCalledTimes(reads);
      expect(sent).toEqual([]);
      expect([served, failed, fault].flatMap(({ mock }) => mock.calls)).toEqual([]);
    }
  });

  test('and stopped while its root is made is not named', async () => {
    const { sender, have, served } = senderOf({ hash: (bytes) => Promise.resolve(sha256Now(bytes)) });
    let made: (() => void) | undefined;
    vi.spyOn(crypto.subtle, 'digest').mockImplementation(
      () => new Promise((resolve) => (made = () => resolve(new ArrayBuffer(HASH_BYTES)))),
    );
    sender.serve(1, size, true);
    have(1, held);
    await settle();
    expect(made).toBeDefined();
    sender.stop(1);
    made?.();
    await settle();
    expect(served).not.toHaveBeenCalled();
  });
});

type Had = 'same' | 'other' | 'nothing';

interface FileStory {
  readonly size: number;
  /** What is held of each piece. */
  readonly had: readonly Had[];
  readonly acceptedAtMs: number;
  readonly pausedMs?: number;
}

const MAX_PIECES = 6;
const size = fc.oneof(
  fc.constantFrom(0, 1, FRAME_UNIT_BYTES, MiB - 1, MiB, MiB + 1, 2 * MiB, 5 * MiB + 1, MAX_PIECES * MiB),
  fc.nat(100 * KiB),
  fc.nat(MAX_PIECES * MiB),
);
const had = fc.oneof(
  { arbitrary: fc.constantFrom<Had>('same', 'other').map((all) => Array<Had>(MAX_PIECES).fill(all)), weight: 1 },
  {
    arbitrary: fc.array(fc.constantFrom<Had>('same', 'other', 'nothing'), {
      minLength: MAX_PIECES,
      maxLength: MAX_PIECES,
    }),
    weight: 4,
  },
);
const fileStory: fc.Arbitrary<FileStory> = fc.record(
  { size, had, acceptedAtMs: fc.nat(300), pausedMs: fc.nat(1_000) },
  { requiredKeys: ['size', 'had', 'acceptedAtMs'] },
);
const story = fc.record({
  seed: fc.nat(),
  files: fc.array(fileStory, { minLength: 1, maxLength: 2 }),
  ordered: fc.boolean(),
  maxDelayMs: fc.constantFrom(0, 1, 20, 500),
  stepBytes: fc.constantFrom(64 * KiB, 128 * KiB),
  lanes: fc.array(fc.nat(300), { minLength: 1, maxLength: 3 }).map((atMs) => atMs.sort((a, b) => a - b)),
  closed: fc.option(fc.record({ lane: fc.integer({ min: 1, max: 2 }), atMs: fc.nat(1_000) }), { nil: undefined }),
});

function toldOf({ size: bytes, had: of, pausedMs }: FileStory, index: number) {
  const content = noise(bytes, index * 1_000);
  const those = (...kinds: Had[]) => piecesOf(bytes).filter((piece) => kinds.includes(of[piece] ?? 'nothing'));
  const changed = those('other');
  const file: ResumedFile = {
    ...{ stream: 1_000 + index, content, before: changedIn(content, changed) },
    ...{ held: those('same', 'other'), paused: pausedMs !== undefined },
  };
  return { file, changed, wanted: those('other', 'nothing') };
}

const sorted = (pieces: readonly number[]) => [...pieces].sort((a, b) => a - b);

test('whatever is held, every file ends as the sender has it, and only what was missing or changed is asked for', async () => {
  const goesOn = fc.asyncProperty(story, async ({ seed, files, lanes, closed, ...conditions }) => {
    const scheduler = new Scheduler(seed);
    const link = resumedLink(scheduler, conditions);
    const told = files.map(toldOf);
    for (const atMs of lanes) scheduler.at(atMs, () => link.addLane());
    for (const [index, { acceptedAtMs, pausedMs = 0 }] of files.entries()) {
      const file = told[index]?.file;
      if (!file) continue;
      scheduler.at(acceptedAtMs, () => link.accept(file));
      scheduler.at(acceptedAtMs + pausedMs, () => link.receiver.resume(file.stream));
    }
    if (closed) scheduler.at(closed.atMs, () => link.closeLane(closed.lane));
    await scheduler.run();

    expect(link.bad).toEqual([]);
    expect(link.receiver.inFlightBytes).toBe(0);
    for (const { file, changed, wanted } of told) {
      const { stream, content, held } = file;
      const root = await rootOfContent(content);
      for (const told of [link.served, link.whole]) {
        expect(told.filter(([of]) => of === stream)).toEqual([[stream, root]]);
      }
      expectBytes(link.staged.get(stream) ?? noise(0), content);
      expect(link.sentBytes.get(stream)).toBe(content.length);
      expect(sorted(link.told(stream).map(({ piece }) => piece))).toEqual(held);
      expect(link.told(stream).every(({ lane }) => lane === 0)).toBe(true);
      expect(sorted(link.differing(stream))).toEqual(changed);
      expect(sorted([...new Set(link.asked(stream))])).toEqual(wanted);
      // What a lane owed that closed is asked for again, and at the end what a slow one owes of a fast one; nothing else.
      if (!closed && !lanes.length) expect(sorted(link.asked(stream))).toEqual(wanted);
    }
  });
  await fc.assert(goesOn, { numRuns: 200 });
});
