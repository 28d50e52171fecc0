import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256, type Bytes } from '../protocol/bytes.ts';
import { MiB } from '../protocol/limits.ts';
import { expectBytes, failureOf } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { hashInStep, settle } from '../testing/scheduler.ts';
import { PiecePool } from './pieces.ts';
import type { SourcePiece } from './sending-lane.ts';
import { Sources, type Source } from './source.ts';

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

const SIZE = 40 * MiB - 5;
const PIECES = 40;
const CHUNK_BYTES = 300_000;

/** Every MiB of the file has other bytes. */
function contentOf(start: number, end: number): Bytes {
  const bytes = new Uint8Array(Math.max(0, end - start));
  for (let at = start; at < end;) {
    const index = Math.floor(at / MiB);
    const until = Math.min(end, (index + 1) * MiB);
    bytes.set(noise(MiB, index * 77).subarray(at - index * MiB, until - index * MiB), at - start);
    at = until;
  }
  return bytes;
}

/** A picked file in a browser that has, or has not, streams of files, and how much was read of it. */
function picked(how: 'streams' | 'slices' = 'streams') {
  let bytesRead = 0;
  let broken: DOMException | undefined;
  let changed = false;
  const begin = () => {
    if (changed) throw new DOMException('no', 'NotReadableError');
  };
  let end = SIZE;
  const read = (from: number, to: number) => {
    if (broken) throw broken;
    const bytes = contentOf(from, Math.min(to, end));
    bytesRead += bytes.length;
    return bytes;
  };
  const part = (from: number, to: number): unknown => ({
    size: to - from,
    slice: (start: number, stop = to - from) => part(from + start, Math.min(to, from + stop)),
    arrayBuffer: () =>
      Promise.resolve().then(() => {
        begin();
        return read(from, to).buffer;
      }),
    stream() {
      if (how === 'slices') throw new TypeError('no such streams');
      let at = from;
      return new ReadableStream({
        type: 'bytes',
        start: begin,
        pull(controller) {
          const { byobRequest } = controller;
          const into = byobRequest?.view as Uint8Array;
          const bytes = read(at, Math.min(to, at + CHUNK_BYTES, at + into.length));
          if (!bytes.length) controller.close();
          into.set(bytes);
          at += bytes.length;
          byobRequest?.respond(bytes.length);
        },
      });
    },
  });
  return {
    file: part(0, SIZE) as Blob,
    bytesRead: () => bytesRead,
    breaks: (error: DOMException | undefined) => void (broken = error),
    changes: () => void (changed = true),
    shrinks: (size: number) => void (end = size),
  };
}

const pieceAt = (source: Source, index: number): Promise<SourcePiece> =>
  source.piece(index * MiB, Math.min(SIZE, (index + 1) * MiB));

/** Takes and releases these pieces, one after the other. */
async function passOver(source: Source, pieces: Iterable<number>): Promise<void> {
  for (const index of pieces) {
    const piece = await pieceAt(source, index);
    expectBytes(piece.bytes, contentOf(index * MiB, Math.min(SIZE, (index + 1) * MiB)));
    piece.release();
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe.each(['streams', 'slices'] as const)('a source, by %s', (how) => {
  test('gives a piece’s bytes and their hash', async () => {
    const { bytes, hash } = await pieceAt(new Sources().open(1, picked(how).file), 5);
    expectBytes(bytes, contentOf(5 * MiB, 6 * MiB));
    expectBytes(hash, await sha256(bytes));
  });

  test('reads each byte once for one receiver, in any order within what is near', async () => {
    const { file, bytesRead } = picked(how);
    const nearly = range(0, PIECES).map((i) => i ^ 3);
    await passOver(new Sources().open(1, file), nearly);
    expect(bytesRead()).toBe(SIZE);
  });

  test('reads each byte once for several lanes that ask at once', async () => {
    const { file, bytesRead } = picked(how);
    const source = new Sources().open(1, file);
    const lane = (first: number) =>
      passOver(
        source,
        range(0, PIECES / 4).map((i) => 4 * i + first),
      );
    await Promise.all([lane(3), lane(0), lane(2), lane(1)]);
    expect(bytesRead()).toBe(SIZE);
  });

  test('reads each byte once for three receivers that keep up with each other', async () => {
    const { file, bytesRead } = picked(how);
    const sources = new Sources();
    const [first, second, third] = [1, 1, 1].map((id) => sources.open(id, file)) as [Source, Source, Source];
    for (let i = 0; i < PIECES + 16; i++) {
      if (i < PIECES) await passOver(first, [i]);
      if (i >= 8 && i < PIECES + 8) await passOver(second, [i - 8]);
      if (i >= 16) await passOver(third, [i - 16]);
    }
    expect(bytesRead()).toBe(SIZE);
  });

  test('gives any piece in any order', async () => {
    const { file } = picked(how);
    const source = new Sources().open(1, file);
    const shuffled = range(0, PIECES).map((i) => (i * 23) % PIECES);
    await passOver(source, [...shuffled, ...shuffled.reverse()]);
  });

  test('hashes a piece once for everybody', async () => {
    const { file } = picked(how);
    const sources = new Sources();
    const digest = vi.spyOn(crypto.subtle, 'digest');
    const ways = [1, 1, 1].map((id) => sources.open(id, file));
    await Promise.all(ways.map((way) => pieceAt(way, 3)));
    expect(digest).toHaveBeenCalledTimes(1);
  });

  test('reads again what was let go of', async () => {
    const { file, bytesRead } = picked(how);
    const source = new Sources().open(1, file);
    await passOver(source, range(0, PIECES));
    await passOver(source, [4]);
    expect(bytesRead()).toBeGreaterThan(SIZE);
  });

  test('keeps two files apart', async () => {
    const sources = new Sources();
    const [one, other] = [picked(how), picked(how)];
    await Promise.all([one, other].map(({ file }, id) => passOver(sources.open(id, file), range(0, PIECES))));
    expect([one.bytesRead(), other.bytesRead()]).toEqual([SIZE, SIZE]);
  });

  test.each([
    ['gone', 'NotFoundError', 'file-unreadable'],
    ['another one by its date', 'NotReadableError', 'file-changed'],
  ] as const)('of a file that is %s says so, and tries again when it is asked again', async (_, name, code) => {
    const { file, breaks } = picked(how);
    const source = new Sources().open(1, file);
    await passOver(source, [0, 1, 2, 3]);
    breaks(new DOMException('no', name));
    await expect(pieceAt(source, 4)).rejects.toEqual(failureOf(code));
    await expect(source.check()).rejects.toEqual(failureOf(code));
    breaks(undefined);
    await passOver(source, [4, 5]);
    await source.check();
  });

  test('finds out at the latest after 16 MiB that the file is another one: a browser looks when it begins to read', async () => {
    const { file, changes } = picked(how);
    const source = new Sources().open(1, file);
    await passOver(source, [0, 1]);
    changes();
    await expect(passOver(source, range(2, 18))).rejects.toEqual(failureOf('file-changed'));
  });

  test('of a file that shrank gives what is left', async () => {
    const { file, shrinks } = picked(how);
    const source = new Sources().open(1, file);
    shrinks(5 * MiB + 7);
    await passOver(source, [0, 1, 2, 3, 4]);
    expect((await pieceAt(source, 5)).bytes.length).toBe(7);
    expect((await pieceAt(source, 9)).bytes.length).toBe(0);
  });
});

describe('memory of a source', () => {
  let freed = 0;
  beforeEach(() => {
    freed = 0;
    vi.spyOn(PiecePool.prototype, 'giveBack').mockImplementation((bytes) => void (freed += bytes.length));
  });

  test('is used again when the last piece of a block was released, and not before', async () => {
    const source = new Sources().open(1, picked().file);
    const pieces = await Promise.all([0, 1].map((i) => pieceAt(source, i)));
    for (const piece of pieces) {
      expect(freed).toBe(0);
      piece.release();
      piece.release();
    }
    await settle();
    expect(freed).toBe(2 * MiB);
  });

  test('is bounded when one receiver is far behind another', async () => {
    const { file, bytesRead } = picked();
    const sources = new Sources();
    const [first, second] = [sources.open(1, file), sources.open(1, file)];
    await passOver(first, range(0, PIECES));
    await settle();
    expect(bytesRead() - freed).toBeLessThanOrEqual(24 * MiB);
    first.close();
    second.close();
    await settle();
    expect(freed).toBe(SIZE);
  });

  test('is freed when the way in is closed, but for what is still being sent', async () => {
    const source = new Sources().open(1, picked().file);
    const [kept, other] = [await pieceAt(source, 0), await pieceAt(source, 2)];
    other.release();
    source.close();
    source.close();
    await settle();
    expect(freed).toBe(2 * MiB);
    expectBytes(kept.bytes, contentOf(0, MiB));
    kept.release();
    await settle();
    expect(freed).toBe(4 * MiB);
  });
});

describe('receivers that drift apart', () => {
  const time = { waits: [] as number[], waitedMs: 0, pass: (_ms: number): void => undefined };
  beforeEach(() => {
    let nowMs = 0;
    time.waits = [];
    time.waitedMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    vi.spyOn(globalThis, 'setTimeout').mockImplementation((then, ms = 0) => {
      time.waits.push(Math.round(ms));
      time.waitedMs += ms;
      nowMs += ms;
      then();
      return setImmediate(() => undefined) as unknown as NodeJS.Timeout;
    });
    time.pass = (ms) => void (nowMs += ms);
  });

  /**
   * Three receivers that had the same blocks, and the first of them so many more. Each block takes so long to send; what
   * is waited for it is not lost then.
   */
  async function ahead(blocks: number, blockMs: number, together = 12) {
    const sources = new Sources();
    const { file, bytesRead } = picked();
    const [first, second, third] = [1, 1, 1].map((id) => sources.open(id, file)) as [Source, Source, Source];
    for (let block = 0; block < together + blocks; block++) {
      const before = time.waitedMs;
      for (const way of block < together ? [first, second, third] : [first]) await bothOf(way, block);
      time.pass(Math.max(0, blockMs - (time.waitedMs - before)));
    }
    return { first, second, third, bytesRead };
  }

  const bothOf = (source: Source, block: number) => passOver(source, [2 * block, 2 * block + 1]);

  test('whoever is far ahead keeps three quarters of their pace', async () => {
    await ahead(4, 300, 8);
    expect(time.waits).toEqual([]);
    await ahead(10, 300, 10);
    // More than 8 MiB ahead: a block is read every 400 ms, though the wait for it is time to send what was read before.
    expect(time.waits).toEqual([100, 200, 300, 400, 400]);
  });

  test('nobody waits for those who are too far behind', async () => {
    const sources = new Sources();
    const { file } = picked();
    const [first] = [sources.open(1, file), sources.open(1, file)];
    for (let block = 0; block < 20; block++) {
      await bothOf(first, block);
      time.pass(300);
    }
    // Between 16 MiB, when its pace is known, and 24.
    expect(time.waits.length).toBeLessThanOrEqual(4);
  });

  test('no wait is longer than half a second', async () => {
    await ahead(8, 60_000);
    expect(time.waits).toEqual([500, 500, 500]);
  });

  test('nobody waits who is behind, or on their own', async () => {
    const { first, second, third } = await ahead(6, 300);
    const before = time.waits.length;
    for (let block = 12; block < 18; block++) await bothOf(second, block);
    for (const other of [first, third]) other.close();
    for (let block = 18; block < 20; block++) await bothOf(second, block);
    expect(time.waits).toHaveLength(before);
  });

  test('whoever leaves while they wait is told, and the others go on', async () => {
    const { first, second } = await ahead(5, 300);
    let goOn: (() => void) | undefined;
    vi.mocked(setTimeout).mockImplementationOnce((then) => {
      goOn = then;
      return setImmediate(() => undefined) as unknown as NodeJS.Timeout;
    });
    const next = pieceAt(first, 34);
    await settle();
    first.close();
    goOn?.();
    await expect(next).rejects.toEqual(failureOf('internal'));
    await passOver(second, range(0, 20));
  });

  test('what is kept is what those behind want next, and not what was had last', async () => {
    const { second, third, bytesRead } = await ahead(15, 300, 0);
    for (const way of [second, third]) for (let block = 0; block < 11; block++) await bothOf(way, block);
    expect(bytesRead()).toBe(30 * MiB);
  });
});
