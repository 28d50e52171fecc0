import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shortKey, skeletonOf, trustOf, type Known } from './trust.ts';

const known = (key: string, name: string, other: Partial<Known> = {}): Known => ({
  ...{ key, name, petname: '', state: 'known' },
  ...other,
});

describe('a name that is read as another', () => {
  test.each([
    ['in Cyrillic', 'Bob of the hill', 'Воb оf thе hіll'],
    ['with digits', 'Bob of the hill', '80b 0f 7he h1ll'],
    ['in other capitals', 'Bob of the hill', 'BOB OF THE HILL'],
    ['with an I for an l', 'Bill', 'BiIl'],
    ['with a bar for an l', 'Bill', 'Bi|l'],
    ['with a 1 for an l', 'Bill', 'Bil1'],
    ['with an exclamation mark for an l', 'Bill', 'Bi!l'],
    ['with an @ for an a', 'Maria', 'M@ria'],
    ['with a $ and a 5 for an s', 'Tessa', 'Te$5a'],
    ['with a palochka for an l', 'Bill', 'BiӀl'],
    ['with an rn for an m', 'Emma', 'Ernrna'],
    ['with a vv for a w', 'Willow', 'VVillovv'],
    ['in Greek letters', 'Alex', 'Αlεχ'],
    ['with a Greek capital Mu', 'Maria', 'Μaria'],
    ['with a Greek capital Nu', 'Nina', 'Νina'],
    ['with a Greek capital Zeta', 'Zoe', 'Ζoe'],
    ['with a Greek capital Ypsilon', 'Yvonne', 'Υvonne'],
    ['in wide letters', 'Bob', 'Ｂｏｂ'],
    ['in mathematical letters', 'Bob', '𝐁𝓸𝖇'],
    ['in circled letters', 'Bob', 'Ⓑⓞⓑ'],
    ['with a ligature', 'Sofia', 'Soﬁa'],
    ['with more space', 'Bob of the hill', '  Bob  of\tthe   hill '],
    ['with other spaces', 'Bob of the hill', 'Bob\u00a0of\u2003the\u3000hill'],
    ['with no space', 'Bob of the hill', 'Bobofthehill'],
    ['with spaces of no width', 'Bob', 'B\u200bo\u200db\ufeff'],
    ['with a letter that shows nothing', 'Bob', 'Bob\u3164'],
    ['with a direction turned', 'Bob', '\u202eBob\u202c'],
    ['with accents', 'Zoe', 'Zoë'],
    ['with accents put on afterwards', 'Zoe', 'Zoe\u0308'],
    ['with a pile of accents', 'Bob', 'B\u0336o\u0336b\u0336'],
    ['with punctuation', 'Bob', 'B.o-b…'],
    ['with a dotless i', 'Bill', 'Bıll'],
  ])('%s: %s, %s', (_, name, other) => {
    expect(skeletonOf(other)).toBe(skeletonOf(name));
    expect(trustOf('another key', other, [known('a key', name)])).toBe('changed');
  });
});

test.each([
  ['Bob', 'Rob'],
  ['Bob', 'Bobby'],
  ['Alice', 'Alicia'],
  ['Anna', 'Hanna'],
  ['Bob of the hill', 'Bob of the dale'],
  ['Мария', 'Марина'],
  ['李雷', '李梅'],
  ['さくら', 'さくや'],
  ['محمد', 'محمود'],
  ['🦊', '🐼'],
  ['Device 1', 'Device 2'],
  ['Jon', 'Joan'],
])('%s and %s are two honest names', (name, other) => {
  expect(skeletonOf(other)).not.toBe(skeletonOf(name));
  expect(trustOf('another key', other, [known('a key', name)])).toBe('new');
});

test('a name is read the same however it is normalised, spaced or written large, and however often', () => {
  const any = fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (name) => {
    const skeleton = skeletonOf(name);
    for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'] as const) {
      expect(skeletonOf(name.normalize(form))).toBe(skeleton);
    }
    expect(skeletonOf(` ${name}\u200b `)).toBe(skeleton);
  });
  fc.assert(any, { numRuns: 2_000 });
  const latin = fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 30 }), (name) => {
    expect(skeletonOf(name.toUpperCase())).toBe(skeletonOf(name));
    expect(skeletonOf(name.split('').join(' '))).toBe(skeletonOf(name));
  });
  fc.assert(latin, { numRuns: 2_000 });
});

test('whatever somebody is called, it is read as something', () => {
  const any = fc.property(fc.string({ unit: 'binary', maxLength: 64 }), (name) => {
    expect(typeof skeletonOf(name)).toBe('string');
    expect(trustOf('key', name, [])).toBe('new');
  });
  fc.assert(any, { numRuns: 2_000 });
  for (const name of ['', '\ud800', '\udc00\ud800', '__proto__', 'constructor', 'toString']) {
    expect(typeof skeletonOf(name)).toBe('string');
    expect(trustOf('key', name, [known('another', 'Bob')])).toBe('new');
  }
});

describe('a key', () => {
  test('that is known is what is known of it, under whatever name', () => {
    for (const state of ['known', 'verified'] as const) {
      for (const name of ['Bob', 'Robert', '']) {
        expect(trustOf('bob', name, [known('bob', 'Bob', { state })])).toBe(state);
      }
    }
  });

  test("nobody knows is new, and nothing else, when its name is nobody else's", () => {
    expect(trustOf('bob', 'Bob', [])).toBe('new');
    expect(trustOf('bob', 'Bob', [known('alice', 'Alice', { state: 'verified' })])).toBe('new');
  });

  test('under the name of somebody verified, or merely met, is somebody else', () => {
    for (const state of ['known', 'verified'] as const) {
      expect(trustOf('mallory', 'Bob', [known('alice', 'Alice'), known('bob', 'Bob', { state })])).toBe('changed');
    }
  });

  test('under what this person calls somebody is somebody else too', () => {
    const mum = known('mum', 'Margarethe', { petname: 'Mum', state: 'verified' });
    expect(trustOf('mallory', 'Mum', [mum])).toBe('changed');
    expect(trustOf('mallory', 'mυm', [mum])).toBe('changed');
    // What she calls herself is still hers.
    expect(trustOf('mallory', 'Margarethe', [mum])).toBe('changed');
    expect(trustOf('mum', 'Mum', [mum])).toBe('verified');
  });

  test('that is blocked is not known, and its name is free for others', () => {
    const blocked = known('mallory', 'Bob', { state: 'blocked' });
    expect(trustOf('mallory', 'Bob', [blocked])).toBe('new');
    expect(trustOf('bob', 'Bob', [blocked])).toBe('new');
    // Under the name of somebody who is known it is what it always was.
    expect(trustOf('mallory', 'Bob', [blocked, known('bob', 'Bob')])).toBe('changed');
  });

  test("without a name is nobody's double", () => {
    const nameless = [known('one', ''), known('other', '…', { petname: '' })];
    for (const name of ['', ' ', '…', '\u200b', '!!!']) expect(trustOf('key', name, nameless)).toBe('new');
  });
});

test('a key is told apart by its first eight characters', () => {
  expect(shortKey('abcdefghijklmnop')).toBe('abcdefgh');
  expect(shortKey('')).toBe('');
});
