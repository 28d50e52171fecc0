import { beforeEach, afterEach, expect, test, vi } from 'vitest';
import fc from 'fast-check';
import { concat, context, sha256, u64 } from '../protocol/bytes.ts';
import { bytes } from '../testing/arbitraries.ts';
import { hashInStep } from '../testing/scheduler.ts';
import { SAS_EMOJI, sasOf } from './sas.ts';

beforeEach(hashInStep);
afterEach(() => vi.restoreAllMocks());

/** Transcript hashes as they come: nothing about one tells anything about the next. */
const session = (n: number) => sha256(u64(n));

test('there are 64 things, each with a symbol and a name that no other has', () => {
  expect(SAS_EMOJI).toHaveLength(64);
  expect(new Set(SAS_EMOJI.map(({ symbol }) => symbol.replaceAll('\ufe0f', ''))).size).toBe(64);
  expect(new Set(SAS_EMOJI.map(({ name }) => name.toLowerCase())).size).toBe(64);
});

test('every symbol is one picture, and every name one word that is read out', () => {
  const segments = new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { symbol, name } of SAS_EMOJI) {
    expect([...segments.segment(symbol)]).toHaveLength(1);
    expect(symbol).toMatch(/^\p{Emoji}/u);
    expect(name).toMatch(/^[A-Z][a-z]{2,}$/);
  }
});

test('no name is the beginning of another: heard badly, it is not taken for it', () => {
  const names = SAS_EMOJI.map(({ name }) => name.toLowerCase());
  for (const name of names) expect(names.filter((other) => other.startsWith(name))).toEqual([name]);
});

test('six are shown, the same ones for the same session', async () => {
  const same = fc.asyncProperty(bytes(32), async (th) => {
    const sas = await sasOf(th);
    expect(sas).toHaveLength(6);
    expect(await sasOf(th.slice())).toEqual(sas);
  });
  await fc.assert(same, { numRuns: 100 });
});

test('they are the first 36 bits of the hash, six each', async () => {
  const th = await session(0);
  const digest = await sha256(concat(context('sas'), th));
  const bits = Array.from(digest, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const expected = Array.from({ length: 6 }, (_, i) => SAS_EMOJI[parseInt(bits.slice(6 * i, 6 * i + 6), 2)]);
  expect(await sasOf(th)).toEqual(expected);
});

test('each of the 64 comes up in each of the six places, about as often as any other', async () => {
  const sessions = 8_000;
  const counts = Array.from({ length: 6 }, () => new Map<string, number>());
  for (let n = 0; n < sessions; n++) {
    for (const [place, { name }] of (await sasOf(await session(n))).entries()) {
      counts[place]?.set(name, (counts[place].get(name) ?? 0) + 1);
    }
  }
  for (const count of counts) {
    expect(count.size).toBe(64);
    // 125 are expected of each; 50 more or fewer would be 4.5 times what chance does.
    for (const times of count.values()) expect(Math.abs(times - sessions / 64)).toBeLessThan(50);
  }
});

test('no two of many sessions show the same six, and one bit makes others', async () => {
  const shown = new Set<string>();
  for (let n = 0; n < 2_000; n++) shown.add((await sasOf(await session(n))).map(({ name }) => name).join(' '));
  expect(shown.size).toBe(2_000);
  const th = await session(1);
  const before = await sasOf(th);
  for (let bit = 0; bit < 256; bit += 17) {
    const other = th.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    expect(await sasOf(other)).not.toEqual(before);
  }
});
