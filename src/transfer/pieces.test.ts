import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataFrame } from '../protocol/frames.ts';
import { FRAME_UNIT_BYTES, KiB, MiB } from '../protocol/limits.ts';
import { expectBytes, expectFailure } from '../testing/expecting.ts';
import { noise } from '../testing/noise.ts';
import { PieceBuffer, PiecePool, PieceQueue } from './pieces.ts';

describe('a queue of pieces', () => {
  test('hands out each piece once, in order', () => {
    const queue = new PieceQueue(3);
    expect([queue.peek(), queue.take(), queue.take(), queue.take(), queue.take(), queue.peek()]).toEqual([
      ...[0, 0, 1, 2],
      ...[undefined, undefined],
    ]);
  });

  test('hands out first what was given back', () => {
    const queue = new PieceQueue(3);
    const taken = [queue.take(), queue.take()];
    queue.giveBack(0);
    queue.giveBack(1);
    expect([taken, queue.peek(), queue.take(), queue.take(), queue.take(), queue.take()]).toEqual([
      [0, 1],
      ...[0, 0, 1, 2],
      undefined,
    ]);
  });

  test('of an empty file has nothing to hand out', () => {
    expect(new PieceQueue(0).take()).toBeUndefined();
  });

  test('always shows what it hands out next, and loses nothing', () => {
    const turns = fc.array(fc.boolean(), { maxLength: 60 });
    const lossless = fc.property(fc.nat(20), turns, (pieces, givesBack) => {
      const queue = new PieceQueue(pieces);
      const done: number[] = [];
      for (const back of givesBack) {
        const next = queue.peek();
        expect(queue.take()).toBe(next);
        if (next === undefined) break;
        if (back) queue.giveBack(next);
        else done.push(next);
      }
      for (let next = queue.take(); next !== undefined; next = queue.take()) done.push(next);
      expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: pieces }, (_, piece) => piece));
    });
    fc.assert(lossless);
  });
});

const hash = new Uint8Array(32).fill(8);

function frameOf(offset: number, bytes: DataFrame['bytes']): DataFrame {
  return { kind: 'data', stream: 1, piece: 2, offset, hash: offset === 0 ? hash : undefined, bytes };
}
const blank = (offset: number, length: number) => frameOf(offset, new Uint8Array(length));

describe('a piece being put together', () => {
  test('is whole when every byte came, in whatever order and steps', () => {
    const length = fc.oneof(
      fc.constantFrom(1, FRAME_UNIT_BYTES - 1, FRAME_UNIT_BYTES, FRAME_UNIT_BYTES + 1, MiB - 1, MiB),
      fc.integer({ min: 1, max: MiB }),
    );
    const cases = fc.tuple(length, fc.constantFrom(1, 2, 4, 8)).chain(([bytes, units]) => {
      const step = units * FRAME_UNIT_BYTES;
      const offsets = Array.from({ length: Math.ceil(bytes / step) }, (_, i) => i * step);
      return fc.record({
        content: fc.constant(noise(bytes)),
        step: fc.constant(step),
        order: fc.shuffledSubarray(offsets, { minLength: offsets.length }),
      });
    });
    const whole = fc.property(cases, ({ content, step, order }) => {
      const piece = new PieceBuffer(content.length);
      const filled = order.map((offset) => piece.fill(frameOf(offset, content.slice(offset, offset + step))));
      expect(filled).toEqual(order.map((_, i) => i === order.length - 1));
      expectBytes(piece.whole().bytes, content);
      expectBytes(piece.whole().hash, hash);
    });
    fc.assert(whole);
  });

  test.each([
    ['bytes past its end', 100, blank(0, 101)],
    ['bytes past the end of a whole step', FRAME_UNIT_BYTES, blank(0, 2 * FRAME_UNIT_BYTES)],
    ['bytes that begin at its end', FRAME_UNIT_BYTES, blank(FRAME_UNIT_BYTES, 1)],
    ['bytes far past its end', MiB, blank(0xffff_c000, FRAME_UNIT_BYTES)],
    ['bytes that begin off the grid', MiB, blank(8 * KiB, FRAME_UNIT_BYTES)],
    ['bytes that end off the grid', MiB, blank(0, FRAME_UNIT_BYTES - 1)],
  ])('refuses %s', (_, length, frame) => {
    expectFailure(() => new PieceBuffer(length).fill(frame), 'protocol');
  });

  test('refuses bytes it has, even when they come with new ones', () => {
    const piece = new PieceBuffer(MiB);
    piece.fill(blank(FRAME_UNIT_BYTES, FRAME_UNIT_BYTES));
    expectFailure(() => piece.fill(blank(FRAME_UNIT_BYTES, FRAME_UNIT_BYTES)), 'protocol');
    expectFailure(() => piece.fill(blank(0, 2 * FRAME_UNIT_BYTES)), 'protocol');
  });

  test('leaves its memory to the next, and keeps nothing of it', () => {
    const pool = new PiecePool();
    const first = new PieceBuffer(MiB, pool);
    first.fill(frameOf(0, new Uint8Array(MiB).fill(1)));
    const { buffer } = first.whole().bytes;
    first.release();
    first.release();
    expectFailure(() => first.whole(), 'internal');
    const [second, third] = [new PieceBuffer(100, pool), new PieceBuffer(100, pool)];
    for (const piece of [second, third]) piece.fill(frameOf(0, new Uint8Array(100).fill(2)));
    expect(second.whole().bytes.buffer).toBe(buffer);
    expect(third.whole().bytes.buffer).not.toBe(buffer);
    expectBytes(second.whole().bytes, new Uint8Array(100).fill(2));
  });

  test('is not handed out before it is whole', () => {
    const piece = new PieceBuffer(2 * FRAME_UNIT_BYTES);
    piece.fill(blank(0, FRAME_UNIT_BYTES));
    expectFailure(() => piece.whole(), 'internal');
  });

  test('holds on to no frame', () => {
    const piece = new PieceBuffer(100);
    const frame = { ...frameOf(0, new Uint8Array(100).fill(1)), hash: new Uint8Array(32).fill(1) };
    piece.fill(frame);
    frame.bytes.fill(2);
    frame.hash.fill(2);
    expect(piece.whole()).toEqual({ bytes: new Uint8Array(100).fill(1), hash: new Uint8Array(32).fill(1) });
  });
});
