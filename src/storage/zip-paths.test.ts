import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameKey, safePath, uniqueName } from '../safety/file-name.ts';
import { zipPaths } from './zip-paths.ts';

test('paths stay as they are', () => {
  const paths = ['a.txt', 'photos/b.txt', 'photos/summer/c.txt', 'Photos/d.txt'];
  expect(zipPaths(paths)).toEqual(paths);
});

test('a folder that is called like a file gives way to it, wherever either is', () => {
  expect(zipPaths(['x', 'X/a.txt', 'deep/x/b.txt', 'A.TXT/c.txt', 'x (2)'])).toEqual([
    'x',
    'X (3)/a.txt',
    'deep/X (3)/b.txt',
    'A (2).TXT/c.txt',
    'x (2)',
  ]);
});

test('whatever they are called: the same names as alone, and no file where another needs a folder', () => {
  const part = fc.oneof(fc.constantFrom('a', 'A', 'b', 'CON', 'a (2)', '..', 'é', 'e\u0301'), fc.string());
  const offered = fc.array(fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')));
  fc.assert(
    fc.property(offered, (paths) => {
      // As the room does it.
      const taken = new Set<string>();
      const alone = paths.map((path) => {
        const parts = safePath(path);
        return [...parts.slice(0, -1), uniqueName(parts.at(-1) ?? 'file', taken)];
      });
      const empty = paths.slice(3).map((path) => safePath(path));
      const all = zipPaths([...alone.map((parts) => parts.join('/')), ...empty.map((parts) => `${parts.join('/')}/`)]);
      const packed = all.slice(0, paths.length).map((path) => path.split('/'));
      expect(packed.map((parts) => parts.at(-1))).toEqual(alone.map((parts) => parts.at(-1)));
      const keyOf = (parts: readonly string[]) => parts.map(nameKey).join('/');
      const files = new Set(packed.map(keyOf));
      expect(files.size).toBe(packed.length);
      const within = all.map((path) => path.split('/'));
      const folders = within.flatMap((parts) => parts.slice(1).map((_, i) => keyOf(parts.slice(0, i + 1))));
      expect(folders.filter((folder) => files.has(folder))).toEqual([]);
    }),
  );
});
