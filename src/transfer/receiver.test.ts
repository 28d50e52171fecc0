import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame, type DataFrame } from '../protocol/frames.ts';
import { KiB, MAX_REQUESTS_OUTSTANDING, MiB } from '../protocol/limits.ts';
import { expectBytes, failureOf } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { hashInStep, settle } from '../testing/scheduler.ts';
import { manifestOf, pieceLength, rootOf } from './manifest.ts';
import { Receiver, type ReceiverPort } from './receiver.ts';
import { PageWindow } from './window.ts';
import { type ReceivingLane } from './receiving-lane.ts';
import { windowBytes } from './window.ts';

const STEP_BYTES = 128 * KiB;
const WINDOW_BYTES = windowBytes(MiB);

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

function receiverOf(port: Partial<ReceiverPort> = {}, leastAheadBytes = Infinity) {
  const asked: [stream: number, piece: number][] = [];
  const written: Bytes[] = [];
  const write = vi.fn<ReceiverPort['write']>((_stream, { bytes }) => {
    // The receiver uses the memory again.
    written.push(bytes.slice());
    return Promise.resolve();
  });
  const told = { full: vi.fn(), whole: vi.fn(), failed: vi.fn(), fault: vi.fn() };
  // Lanes that are asked for all that their window has room for, unless a test is about that.
  const clock = { nowMs: 0 };
  const receiver = new Receiver(
    { now: () => clock.nowMs, hash: sha256, write, ...told, ...port },
    new PageWindow(),
    leastAheadBytes,
  );
  const addLane = (took = asked) =>
    receiver.addLane((bytes) => {
      const frame = decodeFrame(bytes.buffer);
      if (frame.kind === 'request') took.push([frame.stream, frame.from]);
    });
  return { receiver, lane: addLane(), addLane, clock, asked, write, written, ...told };
}

/** The frames of a piece of the noise every file here is made of. */
async function framesOf(stream: number, size: number, piece = 0): Promise<DataFrame[]> {
  const manifest = manifestOf(size);
  const start = piece * manifest.pieceBytes;
  const bytes = noise(size).slice(start, start + pieceLength(manifest, piece));
  const hash = await sha256(bytes);
  return Array.from({ length: Math.ceil(bytes.length / STEP_BYTES) }, (_, i) => ({
    ...{ kind: 'data', stream, piece, offset: i * STEP_BYTES },
    hash: i === 0 ? hash : undefined,
    bytes: bytes.slice(i * STEP_BYTES, (i + 1) * STEP_BYTES),
  }));
}

async function deliver(lane: ReceivingLane, stream: number, size: number, piece = 0): Promise<void> {
  for (const frame of await framesOf(stream, size, piece)) lane.handle(frame);
  await settle();
}

async function rootOfNoise(size: number): Promise<Bytes> {
  const { pieces, pieceBytes } = manifestOf(size);
  const hashes = Array.from({ length: pieces }, (_, i) =>
    sha256(noise(size).slice(i * pieceBytes, (i + 1) * pieceBytes)),
  );
  return rootOf(size, new Uint8Array(Buffer.concat(await Promise.all(hashes))));
}

const blank = (frame: Partial<DataFrame>): DataFrame => ({
  ...{ kind: 'data', stream: 1, piece: 0, offset: 0 },
  ...{ hash: new Uint8Array(32), bytes: new Uint8Array(1) },
  ...frame,
});

describe('an accepted file', () => {
  test('is asked for piece by piece, written and compared with its root', async () => {
    const { receiver, lane, asked, write, written, whole, failed, fault } = receiverOf();
    const size = 2 * MiB + 5;
    receiver.receive(1, size);
    expect(asked).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    for (const piece of [2, 0, 1]) await deliver(lane, 1, size, piece);
    expect(write.mock.calls.map(([stream, { at, bytes }]) => [stream, at, bytes.length])).toEqual([
      [1, 2 * MiB, 5],
      [1, 0, MiB],
      [1, MiB, MiB],
    ]);
    expectBytes(Buffer.concat([1, 2, 0].map((call) => written[call] ?? noise(0))), noise(size));
    expect(receiver.stagedBytes(1)).toBe(size);
    expect(whole).not.toHaveBeenCalled();
    receiver.handleRoot(1, await rootOfNoise(size));
    await settle();
    expect(whole.mock.calls).toEqual([[1, await rootOfNoise(size)]]);
    expect([failed.mock.calls, fault.mock.calls]).toEqual([[], []]);
  });

  test('is received in the same memory, piece after piece', async () => {
    const { receiver, lane, write } = receiverOf();
    receiver.receive(1, 3 * MiB);
    for (const piece of [0, 1, 2]) await deliver(lane, 1, 3 * MiB, piece);
    expect(new Set(write.mock.calls.map(([, { bytes }]) => bytes.buffer)).size).toBe(1);
  });

  test('may be named before its last byte is here', async () => {
    const { receiver, lane, whole } = receiverOf();
    receiver.receive(1, 100);
    receiver.handleRoot(1, await rootOfNoise(100));
    receiver.handleRoot(1, await rootOfNoise(100));
    await deliver(lane, 1, 100);
    expect(whole).toHaveBeenCalledTimes(1);
  });

  test('is whole once, though it was named twice', async () => {
    const { receiver, lane, whole } = receiverOf();
    receiver.receive(1, 100);
    await deliver(lane, 1, 100);
    const root = await rootOfNoise(100);
    receiver.handleRoot(1, root);
    receiver.handleRoot(1, root);
    await settle();
    expect(whole).toHaveBeenCalledTimes(1);
  });

  test('without a byte is whole when it is named', async () => {
    const { receiver, asked, whole } = receiverOf();
    receiver.receive(1, 0);
    await settle();
    expect(whole).not.toHaveBeenCalled();
    receiver.handleRoot(1, await rootOfNoise(0));
    await settle();
    expect(whole).toHaveBeenCalledTimes(1);
    expect(asked).toEqual([]);
  });

  test('with another root fails, once', async () => {
    const { receiver, lane, whole, failed, fault } = receiverOf();
    receiver.receive(1, 100);
    await deliver(lane, 1, 100);
    receiver.handleRoot(1, await rootOfNoise(101));
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('hash-mismatch')]]);
    expect([whole.mock.calls, fault.mock.calls]).toEqual([[], []]);
  });

  test('with a spoilt piece is asked for it once more, and fails at the second', async () => {
    const { receiver, lane, asked, write, failed } = receiverOf();
    receiver.receive(1, 100);
    const spoilt = blank({ bytes: new Uint8Array(100) });
    lane.handle(spoilt);
    await settle();
    expect(asked).toEqual([
      [1, 0],
      [1, 0],
    ]);
    expect(failed).not.toHaveBeenCalled();
    lane.handle(spoilt);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('hash-mismatch')]]);
    expect(write).not.toHaveBeenCalled();
    expect(receiver.inFlightBytes).toBe(0);
  });

  test('that cannot be written fails alone', async () => {
    const write = (stream: number) => (stream === 1 ? Promise.reject(new Failure('internal')) : Promise.resolve());
    const { receiver, lane, failed, whole, fault } = receiverOf({ write });
    receiver.receive(1, 2 * MiB);
    receiver.receive(2, 100);
    receiver.handleRoot(2, await rootOfNoise(100));
    const pieces = [...(await framesOf(1, 2 * MiB)), ...(await framesOf(1, 2 * MiB, 1))];
    for (const frame of pieces) lane.handle(frame);
    await deliver(lane, 2, 100);
    expect(failed.mock.calls).toEqual([[1, failureOf('internal')]]);
    expect(whole.mock.calls.map(([stream]: unknown[]) => stream)).toEqual([2]);
    expect(fault).not.toHaveBeenCalled();
  });

  test('that finds no room waits, is told of once, and goes on with what was lost when there is some', async () => {
    let hasRoom = false;
    const write = () => (hasRoom ? Promise.resolve() : Promise.reject(new Failure('disk-full')));
    const { receiver, lane, asked, full, failed, whole, fault } = receiverOf({ write });
    receiver.receive(1, 2 * MiB);
    const pieces = [...(await framesOf(1, 2 * MiB)), ...(await framesOf(1, 2 * MiB, 1))];
    for (const frame of pieces) lane.handle(frame);
    await settle();
    expect([full.mock.calls, asked.length, receiver.stagedBytes(1)]).toEqual([[[1]], 2, 0]);
    hasRoom = true;
    receiver.resume(1);
    expect(asked.slice(2).toSorted()).toEqual([
      [1, 0],
      [1, 1],
    ]);
    for (const frame of pieces) lane.handle(frame);
    receiver.handleRoot(1, await rootOfNoise(2 * MiB));
    await settle();
    expect(whole).toHaveBeenCalledTimes(1);
    expect([failed.mock.calls, fault.mock.calls]).toEqual([[], []]);
  });

  test('that is paused is asked for no more until it goes on, and what was asked for still comes', async () => {
    const size = WINDOW_BYTES + MiB;
    const { receiver, lane, asked, write } = receiverOf();
    receiver.receive(1, size);
    receiver.pause(1);
    await deliver(lane, 1, size);
    expect(write).toHaveBeenCalledTimes(1);
    expect(asked).toHaveLength(WINDOW_BYTES / MiB);
    receiver.resume(1);
    expect(asked.at(-1)).toEqual([1, WINDOW_BYTES / MiB]);
  });

  test('that is stopped while it is written ends without a word', async () => {
    const writing: (() => void)[] = [];
    const { receiver, lane, whole, failed } = receiverOf({
      write: () => new Promise((resolve) => writing.push(resolve)),
    });
    receiver.receive(1, 100);
    receiver.handleRoot(1, await rootOfNoise(100));
    await deliver(lane, 1, 100);
    receiver.stop(1);
    writing[0]?.();
    await settle();
    expect([whole.mock.calls, failed.mock.calls]).toEqual([[], []]);
  });

  test('that is stopped while it is hashed is not written', async () => {
    const { receiver, lane, write } = receiverOf();
    receiver.receive(1, 100);
    for (const frame of await framesOf(1, 100)) lane.handle(frame);
    receiver.stop(1);
    await settle();
    expect(write).not.toHaveBeenCalled();
  });

  test('is over when the lane is closed', async () => {
    const { receiver, lane, asked, write, whole, failed, fault } = receiverOf();
    receiver.receive(1, 100);
    receiver.close();
    receiver.receive(2, 100);
    receiver.resume(1);
    receiver.handleRoot(1, await rootOfNoise(100));
    await deliver(lane, 1, 100);
    expect(asked).toHaveLength(1);
    expect([write, whole, failed, fault].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });
});

describe('the window', () => {
  test('is filled at once, and each whole piece frees its place for the next', async () => {
    const size = 32 * MiB;
    const { receiver, lane, asked } = receiverOf();
    receiver.receive(1, size);
    expect(receiver.inFlightBytes).toBe(WINDOW_BYTES);
    expect(asked).toHaveLength(WINDOW_BYTES / MiB);
    const [first, ...rest] = await framesOf(1, 8 * MiB);
    if (first) lane.handle(first);
    expect(receiver.inFlightBytes).toBe(WINDOW_BYTES);
    for (const frame of rest) lane.handle(frame);
    expect(receiver.inFlightBytes).toBe(WINDOW_BYTES);
    expect(asked).toHaveLength(WINDOW_BYTES / MiB + 1);
  });

  test('has room for two of the largest pieces', () => {
    const { receiver, asked } = receiverOf();
    receiver.receive(1, 128 * 1024 * MiB);
    expect(receiver.inFlightBytes).toBe(16 * MiB);
    expect(asked).toHaveLength(2);
  });

  test('is shared by all files, a piece each in turn', () => {
    const { receiver, asked } = receiverOf();
    receiver.receive(1, 6 * MiB);
    receiver.receive(2, 32 * MiB);
    receiver.stop(1);
    expect(receiver.inFlightBytes).toBe(WINDOW_BYTES);
    receiver.receive(3, 32 * MiB);
    receiver.stop(2);
    expect(asked.slice(-WINDOW_BYTES / MiB).map(([stream]) => stream)).toEqual([3, 3, 3, 3, 3, 3, 3, 3]);
    receiver.receive(4, 32 * MiB);
    receiver.receive(5, 32 * MiB);
    receiver.stop(3);
    expect(asked.slice(-WINDOW_BYTES / MiB).map(([stream]) => stream)).toEqual([4, 5, 4, 5, 4, 5, 4, 5]);
  });

  test('never asks for more than 4,096 pieces at once', () => {
    const { receiver, asked } = receiverOf();
    for (let stream = 0; stream < 5_000; stream++) receiver.receive(stream, 1);
    expect(asked).toHaveLength(MAX_REQUESTS_OUTSTANDING);
    receiver.stop(0);
    expect(asked).toHaveLength(MAX_REQUESTS_OUTSTANDING + 1);
  });

  test('stays shut while the disk is slow: no more than two windows are held', async () => {
    const size = 64 * MiB;
    const { receiver, lane, asked } = receiverOf({ write: () => new Promise(() => undefined) });
    receiver.receive(1, size);
    for (let piece = 0; piece < asked.length; piece++) {
      for (const frame of await framesOf(1, MiB)) lane.handle({ ...frame, piece });
      await settle();
    }
    expect(asked).toHaveLength((2 * WINDOW_BYTES) / MiB);
  });
});

describe('a sender breaks the protocol with', () => {
  const size = MiB + 100;
  test.each<[string, Partial<DataFrame>]>([
    ['a stream nobody asked for', { stream: 2 }],
    ['a piece that was not asked for', { piece: 2 }],
    ['bytes past the end of the last piece', { piece: 1, bytes: new Uint8Array(101) }],
    ['bytes past the end of a piece', { offset: MiB, hash: undefined }],
    ['an offset off the grid', { offset: 100, hash: undefined }],
    ['an end off the grid', { bytes: new Uint8Array(100) }],
  ])('%s', async (_, frame) => {
    const { receiver, lane, asked, fault, write } = receiverOf();
    receiver.receive(1, size);
    const before = asked.length;
    lane.handle(blank(frame));
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
    // And nothing of that lane is taken or asked for any more.
    await deliver(lane, 1, size, 1);
    receiver.receive(3, 100);
    expect([asked.length - before, write.mock.calls, fault.mock.calls.length]).toEqual([0, [], 1]);
  });

  test('anything before a file was accepted', () => {
    const { lane, fault } = receiverOf();
    lane.handle(blank({}));
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('the same bytes twice', async () => {
    const { receiver, lane, fault } = receiverOf();
    receiver.receive(1, size);
    const [first] = await framesOf(1, size);
    for (const frame of [first, first]) if (frame) lane.handle(frame);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('a piece it has whole', async () => {
    const { receiver, lane, fault } = receiverOf();
    receiver.receive(1, size);
    await deliver(lane, 1, size, 1);
    expect(fault).not.toHaveBeenCalled();
    await deliver(lane, 1, size, 1);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('a piece of a file that still waits for its turn', async () => {
    const { receiver, lane, fault } = receiverOf();
    receiver.receive(1, 32 * MiB);
    receiver.receive(2, 100);
    await deliver(lane, 2, 100);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('a second root for a file', async () => {
    const { receiver, fault } = receiverOf();
    receiver.receive(1, 100);
    receiver.handleRoot(1, await rootOfNoise(100));
    receiver.handleRoot(1, await rootOfNoise(99));
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('a file that is whole', async () => {
    const { receiver, lane, fault, whole } = receiverOf();
    receiver.receive(1, 100);
    receiver.handleRoot(1, await rootOfNoise(100));
    await deliver(lane, 1, 100);
    expect(whole).toHaveBeenCalledTimes(1);
    lane.handle(blank({}));
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('more of a stopped file than was on its way', async () => {
    const { receiver, lane, fault, write } = receiverOf();
    receiver.receive(1, size);
    receiver.stop(1);
    receiver.stop(1);
    await deliver(lane, 1, size, 0);
    await deliver(lane, 1, size, 1);
    expect([fault.mock.calls, write.mock.calls]).toEqual([[], []]);
    lane.handle(blank({}));
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });
});

test('a root for a file nobody knows says nothing', async () => {
  const { receiver, whole, failed, fault } = receiverOf();
  receiver.handleRoot(1, await rootOfNoise(100));
  await settle();
  expect([whole, failed, fault].flatMap(({ mock }) => mock.calls)).toEqual([]);
});

describe('several lanes', () => {
  test('share the files, each within a window of its own, and take only what was asked on them', async () => {
    const { receiver, lane, addLane, asked, fault } = receiverOf();
    const onOther: typeof asked = [];
    const other = addLane(onOther);
    receiver.receive(1, 32 * MiB);
    expect(asked).toHaveLength(windowBytes(MiB, 2) / MiB);
    expect(onOther).toHaveLength(windowBytes(MiB, 2) / MiB);
    expect(new Set([...asked, ...onOther].map(([, piece]) => piece)).size).toBe(asked.length + onOther.length);
    const [mine = [], others = []] = [asked[0], onOther[0]];
    for (const frame of await framesOf(1, 32 * MiB, others[1])) other.handle(frame);
    expect([asked.length, onOther.length]).toEqual([4, 5]);
    expect(fault).not.toHaveBeenCalled();
    other.handle(blank({ piece: mine[1] ?? NaN }));
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
    expect(lane.inFlightBytes + other.inFlightBytes).toBe(0);
  });

  test('what a lane that closes owed is asked for on another', async () => {
    const { receiver, lane, addLane, asked, whole } = receiverOf();
    const onOther: typeof asked = [];
    const other = addLane(onOther);
    receiver.receive(1, 2 * MiB);
    const owed = onOther.map(([, piece]) => piece);
    expect(owed).toHaveLength(1);
    other.close();
    expect(asked.map(([, piece]) => piece)).toEqual([...[0, 1].filter((piece) => !owed.includes(piece)), ...owed]);
    for (const piece of [0, 1]) await deliver(lane, 1, 2 * MiB, piece);
    receiver.handleRoot(1, await rootOfNoise(2 * MiB));
    await settle();
    expect(whole).toHaveBeenCalledTimes(1);
  });
});

describe('the window of a page', () => {
  const nothing = { full: vi.fn(), whole: vi.fn(), failed: vi.fn(), fault: vi.fn(), write: vi.fn() };
  const port = { now: () => 0, hash: sha256, ...nothing };

  test('bounds all links together, and starves none', () => {
    const page = new PageWindow();
    const asked: number[] = [];
    for (const link of [0, 1, 2, 3]) {
      const receiver = new Receiver(port, page, Infinity);
      // Pieces of 8 MiB, two of which a lane would ask for.
      for (let lane = 0; lane < 2; lane++) receiver.addLane(() => (asked[link] = (asked[link] ?? 0) + 8));
      receiver.receive(1, 100 * 1024 * MiB);
    }
    expect(asked).toEqual([32, 8, 8, 8]);
    expect([...page.links].reduce((sum, { heldBytes }) => sum + heldBytes, 0)).toBe(56 * MiB);
  });

  test('is what a link that is over had no more', () => {
    const page = new PageWindow();
    new Receiver(port, page).close();
    expect(page.links.size).toBe(0);
  });
});

describe('a lane', () => {
  /** Two lanes on which a file was asked for, and what each was asked for. */
  function twoLanes(size: number) {
    const taken: [first: [number, number][], second: [number, number][]] = [[], []];
    const made = receiverOf({}, 512 * KiB);
    const first = made.addLane(taken[0]);
    const second = made.addLane(taken[1]);
    made.lane.close();
    made.receiver.receive(1, size);
    return { ...made, first, second, taken };
  }

  test('is asked for a piece at a time until it is known to be fast, and then for what it brings in a second', async () => {
    const { first, second, taken, clock } = twoLanes(32 * MiB);
    expect(taken).toEqual([[[1, 0]], [[1, 1]]]);
    const frames = await framesOf(1, 32 * MiB, 0);
    clock.nowMs = 4_000;
    for (const frame of frames.slice(0, 4)) first.handle(frame);
    expect(taken[0], 'half a MiB is still to come').toHaveLength(1);
    for (const frame of frames.slice(4)) first.handle(frame);
    expect(taken[0], 'a quarter of a MiB a second').toHaveLength(2);
    for (const piece of [1, 3, 4, 5, 6]) {
      clock.nowMs += 10;
      await deliver(second, 1, 32 * MiB, piece);
    }
    expect(taken[1].length, 'over a MiB a second').toBeGreaterThan(6);
  });

  test('that is slow does not keep everybody waiting at the end: what it owes is asked for on a faster one too', async () => {
    const { first, second, taken, clock, written, whole, fault, receiver } = twoLanes(4 * MiB);
    clock.nowMs = 1_000;
    second.handle((await framesOf(1, 4 * MiB, 1))[0] as DataFrame);
    for (const piece of [0, 2, 3]) {
      clock.nowMs += 100;
      await deliver(first, 1, 4 * MiB, piece);
    }
    clock.nowMs = 20_000;
    second.handle((await framesOf(1, 4 * MiB, 1))[1] as DataFrame);
    expect(taken).toEqual([
      [
        [1, 0],
        [1, 2],
        [1, 3],
        [1, 1],
      ],
      [[1, 1]],
    ]);
    await deliver(first, 1, 4 * MiB, 1);
    // What still comes on the slow one is dropped, and harms nobody.
    for (const frame of (await framesOf(1, 4 * MiB, 1)).slice(2)) second.handle(frame);
    await settle();
    receiver.handleRoot(1, await rootOfNoise(4 * MiB));
    await settle();
    expect([written.length, whole.mock.calls.length, fault.mock.calls]).toEqual([4, 1, []]);
  });

  test.each(['fast', 'slow'] as const)(
    'that is the %s of two with a copy, and closes, leaves it to the other',
    async (gone) => {
      const { first, second, taken, clock, written } = twoLanes(3 * MiB);
      clock.nowMs = 1_000;
      const frames = await framesOf(1, 3 * MiB, 1);
      second.handle(frames[0] as DataFrame);
      for (const piece of [0, 2]) {
        clock.nowMs += 100;
        await deliver(first, 1, 3 * MiB, piece);
      }
      clock.nowMs = 20_000;
      second.handle(frames[1] as DataFrame);
      expect(taken[0].at(-1)).toEqual([1, 1]);
      (gone === 'fast' ? first : second).close();
      if (gone === 'fast') for (const frame of frames.slice(2)) second.handle(frame);
      else for (const frame of frames) first.handle(frame);
      await settle();
      expect(written).toHaveLength(3);
      expect(taken.flat().filter(([, piece]) => piece === 1)).toHaveLength(2);
    },
  );
});
