import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { denyListScanner, MAX_DENIED, parseDenyList } from './deny-list.ts';

const hashOf = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
const [a, b] = [hashOf('a'), hashOf('b')];

test.each([
  ['nothing', '', []],
  ['one to a line', `${a}\n${b}\n`, [a, b]],
  ['as sha256sum writes it', `${a}  some file.exe\r\n${b} *other.bin`, [a, b]],
  ['with a name that had to be escaped', `\\${a}  two\\nlines`, [a]],
  ['as a table', `# sha256, name\n${a},x.exe\n\n  ${b};y\n`, [a, b]],
  ['in capitals, twice, behind a byte order mark', `\uFEFF${a.toUpperCase()}\n${a}`, [a]],
])('a list: %s', (_what, text, hashes) => {
  expect(parseDenyList(text)).toEqual({ hashes });
});

test.each([
  ['words', `${a}\nhello\n`, 2],
  ['an MD5', 'd41d8cd98f00b204e9800998ecf8427e', 1],
  ['a hash that goes on', `# ok\n${a}0`, 2],
  ['a picture', '\x89PNG\r\n\x1a\n\0', 1],
])('not a list: %s', (_what, text, badLine) => {
  expect(parseDenyList(text)).toEqual({ badLine });
});

test('a list that is too long names the line where that begins', () => {
  const lines = Array.from({ length: MAX_DENIED }, (_, i) => i.toString(16).padStart(64, '0'));
  expect(parseDenyList(lines.join('\n'))).toMatchObject({ hashes: { length: MAX_DENIED } });
  expect(parseDenyList([...lines, a].join('\n'))).toEqual({ badLine: MAX_DENIED + 1 });
});

test('whatever is read as a list, it never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const parsed = parseDenyList(text);
      return 'badLine' in parsed || parsed.hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash));
    }),
  );
});

test('a file is found by its SHA-256, in whatever bits it is read', () => {
  const running = () => {
    const hash = createHash('sha256');
    return { update: (bytes: Uint8Array) => hash.update(bytes), digest: () => hash.digest() };
  };
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), fc.boolean(), (bits, isListed) => {
      const all = Buffer.concat(bits);
      const scanner = denyListScanner(new Set([a, isListed ? hashOf(all) : b]), running);
      const scan = scanner.begin(all.length);
      for (const bit of bits) scan.add(bit);
      expect(scan.end() !== undefined).toBe(isListed);
    }),
  );
  expect(denyListScanner(new Set(), running).wants(1)).toBe(false);
});
