import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256, toHex, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame, type DataFrame } from '../protocol/frames.ts';
import { EARLY_REQUEST_MS, KiB, MAX_EARLY_REQUESTS, MiB } from '../protocol/limits.ts';
import { expectBytes, failureOf } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { pieceOf } from '../testing/source-piece.ts';
import { hashInStep, settle } from '../testing/scheduler.ts';
import { rootOf } from './manifest.ts';
import { Sender } from './sender.ts';
import { type SendingPort } from './sending-lane.ts';

const STEP_BYTES = 64 * KiB;
const FRAMES_A_PIECE = MiB / STEP_BYTES;
/** The one going out, and those read ahead of it. */
const MAX_PIECES_IN_MEMORY = 5;

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

type ReadBytes = (stream: number, start: number, end: number) => Promise<Bytes>;
const readNoise: ReadBytes = (_stream, start, end) => Promise.resolve(noise(end).slice(start));

/** A sender whose files are all the same noise, and what came of it. */
function senderOf({
  read = readNoise,
  check = () => Promise.resolve(),
  ...port
}: { read?: ReadBytes; check?: () => Promise<void> } & Partial<SendingPort> = {}) {
  const sent: DataFrame[] = [];
  const told = { served: vi.fn(), failed: vi.fn(), fault: vi.fn() };
  const timers: { ms: number; then: () => void }[] = [];
  const sender = new Sender({
    read: (...asked) => pieceOf(read(...asked)),
    check,
    ...told,
    after: (ms, then) => timers.push({ ms, then }),
  });
  const addLane = (took = sent) =>
    sender.addLane({
      stepBytes: STEP_BYTES,
      send: (bytes) => {
        // The sender uses the memory again.
        const frame = decodeFrame(bytes.slice().buffer);
        if (frame.kind === 'data') took.push(frame);
      },
      drained: () => Promise.resolve(),
      ...port,
    });
  const lane = addLane();
  const ask = (stream: number, from = 0, to = from + 1, on = lane) => on.handle({ kind: 'request', stream, from, to });
  const sentOf = (stream: number) => sent.filter((frame) => frame.stream === stream);
  return { sender, lane, addLane, sent, sentOf, ...told, timers, ask };
}

describe('a served file', () => {
  test('is sent piece by piece, front to back, each with its hash once', async () => {
    const { sender, ask, sent } = senderOf();
    sender.serve(1, MiB + 10);
    ask(1, 0, 2);
    await settle();
    const [first, second] = [sent.slice(0, FRAMES_A_PIECE), sent.slice(FRAMES_A_PIECE)];
    expect(first.map(({ piece, offset }) => [piece, offset])).toEqual(first.map((_, i) => [0, i * STEP_BYTES]));
    expect(first.map(({ hash }) => hash && toHex(hash))).toEqual([
      toHex(await sha256(noise(MiB))),
      ...Array.from({ length: FRAMES_A_PIECE - 1 }, () => undefined),
    ]);
    expectBytes(Buffer.concat(first.map(({ bytes }) => bytes)), noise(MiB));
    expect(second.map(({ piece, offset, bytes }) => [piece, offset, bytes.length])).toEqual([[1, 0, 10]]);
  });

  test('is named by its root when every piece went out once', async () => {
    const { sender, ask, served } = senderOf();
    sender.serve(1, 2 * MiB);
    ask(1, 1);
    await settle();
    expect(served).not.toHaveBeenCalled();
    ask(1, 0);
    await settle();
    const hashes = [await sha256(noise(MiB)), await sha256(noise(2 * MiB).slice(MiB))];
    expect(served.mock.calls).toEqual([[1, await rootOf(2 * MiB, new Uint8Array(Buffer.concat(hashes)))]]);
    ask(1, 0);
    await settle();
    expect(served).toHaveBeenCalledTimes(1);
  });

  test('without a byte is named at once', async () => {
    const { sender, served, sent } = senderOf();
    sender.serve(1, 0);
    await settle();
    expect(served.mock.calls).toEqual([[1, await rootOf(0, new Uint8Array())]]);
    expect(sent).toEqual([]);
  });

  test('takes turns with the others, a piece each', async () => {
    const { sender, ask, sent } = senderOf();
    for (const stream of [1, 2]) {
      sender.serve(stream, 8 * MiB);
      ask(stream, 0, 8);
    }
    await settle();
    const turns = sent.filter(({ offset }) => offset === 0).map(({ stream }) => stream);
    // What was read ahead when the second was asked for goes before, and what is left of it after.
    const both = turns.slice(turns.indexOf(2) - 1, turns.lastIndexOf(1) + 1);
    expect(both.length).toBeGreaterThanOrEqual(4);
    expect(both).toEqual(both.map((_, i) => 1 + (i % 2)));
  });

  test('waits for the lane with every frame, with a few pieces in memory and never more', async () => {
    const waiting: (() => void)[] = [];
    const read = vi.fn((_stream: number, start: number, end: number) => Promise.resolve(noise(end).slice(start)));
    const { sender, ask, sent } = senderOf({ read, drained: () => new Promise((resolve) => waiting.push(resolve)) });
    sender.serve(1, 8 * MiB);
    ask(1, 0, 8);
    for (let frames = 0; frames < 2 * FRAMES_A_PIECE; frames++) {
      await settle();
      expect(sent).toHaveLength(frames);
      expect(sender.sentBytes(1)).toBe(frames * STEP_BYTES);
      expect(read.mock.calls.length - Math.floor(frames / FRAMES_A_PIECE)).toBeLessThanOrEqual(MAX_PIECES_IN_MEMORY);
      expect(waiting).toHaveLength(1);
      waiting.pop()?.();
    }
  });

  test('that is stopped sends not even the frame that waits', async () => {
    const waiting: (() => void)[] = [];
    const { sender, ask, sentOf, served, failed, fault } = senderOf({
      drained: () => new Promise((resolve) => waiting.push(resolve)),
    });
    sender.serve(1, MiB);
    sender.serve(2, 100);
    ask(1);
    ask(2);
    await settle();
    waiting.pop()?.();
    await settle();
    sender.stop(1);
    ask(1);
    for (let i = 0; i < 3; i++) {
      waiting.pop()?.();
      await settle();
    }
    expect(sentOf(1)).toHaveLength(1);
    expect(sentOf(2)).toHaveLength(1);
    expect(served.mock.calls.map(([stream]: unknown[]) => stream)).toEqual([2]);
    expect([failed.mock.calls, fault.mock.calls]).toEqual([[], []]);
  });

  test('that is stopped before it was named is not named', async () => {
    const { sender, served } = senderOf();
    sender.serve(1, 0);
    sender.stop(1);
    await settle();
    expect(served).not.toHaveBeenCalled();
  });

  test('that shrank is told of as changed', async () => {
    const { sender, ask, sent, failed } = senderOf({ read: () => Promise.resolve(new Uint8Array(99)) });
    sender.serve(1, 100);
    ask(1);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('file-changed')]]);
    expect(sent).toEqual([]);
  });

  test('that turns out to be another one at the end is not named', async () => {
    const check = () => Promise.reject(new Failure('file-changed'));
    const { sender, ask, served, failed } = senderOf({ check });
    sender.serve(1, 100);
    ask(1);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('file-changed')]]);
    expect(served).not.toHaveBeenCalled();
  });

  test('that has other bytes when asked again is told of as changed', async () => {
    let reads = 0;
    const { sender, ask, failed } = senderOf({ read: () => Promise.resolve(new Uint8Array(100).fill(reads++)) });
    sender.serve(1, 100);
    ask(1);
    await settle();
    ask(1);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('file-changed')]]);
  });

  test.each(['file-unreadable', 'file-changed'] as const)('that cannot be read fails alone, as %s', async (code) => {
    const read = (stream: number): Promise<Bytes> =>
      stream === 1 ? Promise.reject(new Failure(code)) : Promise.resolve(noise(100).slice());
    const { sender, ask, sentOf, failed, fault, served } = senderOf({ read });
    sender.serve(1, 2 * MiB);
    sender.serve(2, 100);
    ask(1, 0, 2);
    ask(2);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf(code)]]);
    expect([sentOf(1), sentOf(2).length, served.mock.calls.length]).toEqual([[], 1, 1]);
    expect(fault).not.toHaveBeenCalled();
  });

  test('is over when the lane is closed', async () => {
    const { sender, ask, sent, served, failed } = senderOf();
    sender.serve(1, MiB);
    ask(1);
    sender.close();
    await settle();
    ask(1);
    sender.serve(2, 0);
    await settle();
    expect([sent, served.mock.calls, failed.mock.calls]).toEqual([[], [], []]);
  });
});

describe('a receiver', () => {
  test('gets nothing of a file before it was accepted, and then what it had asked for', async () => {
    const { sender, ask, sent } = senderOf();
    ask(7);
    await settle();
    expect(sent).toEqual([]);
    sender.serve(7, 100);
    await settle();
    expect(sent.map(({ stream, piece }) => [stream, piece])).toEqual([[7, 0]]);
  });

  test('that asks for a file and never accepts it breaks the protocol', () => {
    const { ask, timers, fault } = senderOf();
    ask(7);
    ask(7, 1);
    expect(timers.map(({ ms }) => ms)).toEqual([EARLY_REQUEST_MS]);
    expect(fault).not.toHaveBeenCalled();
    timers[0]?.then();
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test.each([
    ['accepts', (sender: Sender) => sender.serve(7, 100)],
    ['was too late to accept', (sender: Sender) => sender.stop(7)],
    ['leaves', (sender: Sender) => sender.close()],
  ])('that asks early and then %s does not', (_, then) => {
    const { sender, ask, timers, fault } = senderOf();
    ask(7);
    then(sender);
    for (const timer of timers) timer.then();
    expect(fault).not.toHaveBeenCalled();
  });

  test('that asks early for more than a thousand pieces breaks the protocol', () => {
    const { ask, fault } = senderOf();
    for (let stream = 0; stream < MAX_EARLY_REQUESTS; stream++) ask(stream);
    expect(fault).not.toHaveBeenCalled();
    ask(MAX_EARLY_REQUESTS);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('has its early requests no longer counted once they were accepted or stopped', () => {
    const { sender, ask, fault } = senderOf();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < MAX_EARLY_REQUESTS; i++) ask(round, 0);
      if (round % 2) sender.stop(round);
      else sender.serve(round, 1);
    }
    expect(fault).not.toHaveBeenCalled();
  });

  test.each([
    ['past the end of a file', (sender: Sender) => sender.serve(1, 2 * MiB), 2],
    ['of an empty file', (sender: Sender) => sender.serve(1, 0), 0],
  ])('that asks for a piece %s breaks the protocol', (_, serve, piece) => {
    const { sender, ask, fault } = senderOf();
    serve(sender);
    ask(1, piece);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test('that asks early for a piece past the end breaks the protocol when the file is known', () => {
    const { sender, ask, fault } = senderOf();
    ask(1, 0, 0xffff_ffff);
    sender.serve(1, MiB);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
  });

  test.each([
    ['in use', () => undefined],
    ['stopped', (sender: Sender) => sender.stop(1)],
  ])('that uses a stream again that is %s breaks the protocol', async (_, before) => {
    const { sender, ask, fault, sent } = senderOf();
    sender.serve(1, 100);
    before(sender);
    sender.serve(1, 100);
    expect(fault.mock.calls).toEqual([[failureOf('protocol')]]);
    ask(1);
    await settle();
    expect(sent).toEqual([]);
  });

  test('may ask for twice the file and 64 MiB, and for no piece more', async () => {
    const { sender, ask, sent, failed, fault } = senderOf();
    sender.serve(1, MiB);
    for (let i = 0; i < 66; i++) ask(1);
    await settle();
    expect(failed).not.toHaveBeenCalled();
    expect(sent).toHaveLength(66 * FRAMES_A_PIECE);
    ask(1);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('asked-too-often')]]);
    expect(sent).toHaveLength(66 * FRAMES_A_PIECE);
    expect(fault).not.toHaveBeenCalled();
  });

  test('that piles up requests for one byte loses that file alone', async () => {
    const { sender, ask, failed, fault, sentOf } = senderOf();
    sender.serve(1, 1);
    sender.serve(2, 1);
    for (let i = 0; i < 5_000; i++) ask(1);
    ask(2);
    await settle();
    expect(failed.mock.calls).toEqual([[1, failureOf('asked-too-often')]]);
    expect(sentOf(2)).toHaveLength(1);
    expect(fault).not.toHaveBeenCalled();
  });
});

describe('several lanes', () => {
  test('each get what was asked on them, and the file is named when all of it went out', async () => {
    const { sender, addLane, sent, ask, served } = senderOf();
    const onOther: DataFrame[] = [];
    const other = addLane(onOther);
    sender.serve(1, 3 * MiB);
    ask(1, 1);
    ask(1, 0, 1, other);
    await settle();
    expect(new Set(sent.map(({ piece }) => piece))).toEqual(new Set([1]));
    expect(new Set(onOther.map(({ piece }) => piece))).toEqual(new Set([0]));
    expect(served).not.toHaveBeenCalled();
    ask(1, 2, 3, other);
    await settle();
    expect(served).toHaveBeenCalledTimes(1);
  });

  test('a lane that closes sends nothing more; the others go on', async () => {
    const waiting: (() => void)[] = [];
    const { sender, lane, addLane, sent, ask, served } = senderOf({
      drained: () => new Promise((resolve) => waiting.push(resolve)),
    });
    const onOther: DataFrame[] = [];
    const other = addLane(onOther);
    sender.serve(1, MiB);
    ask(1);
    await settle();
    lane.close();
    ask(1);
    ask(1, 0, 1, other);
    for (let i = 0; i < 4 * FRAMES_A_PIECE; i++) {
      await settle();
      waiting.pop()?.();
    }
    expect(sent).toEqual([]);
    expect(onOther).toHaveLength(FRAMES_A_PIECE);
    expect(served).toHaveBeenCalledTimes(1);
  });
});
