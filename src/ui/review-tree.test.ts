import fc from 'fast-check';
import { expect, test } from 'vitest';
import { folderAt, leftOutFolders, rowsOf, ticksOf, treeOf, type ReviewFile, type Row } from './review-tree.ts';

function made(path: string, part: Partial<ReviewFile> = {}): ReviewFile {
  return { path, file: { size: 10 } as File, reason: '', secret: undefined, ticked: !part.reason, ...part };
}

const tree = (files: readonly ReviewFile[]) => treeOf(files.map(({ path }) => path));
const seen = (rows: readonly Row[]) =>
  rows.map((row) => `${'  '.repeat(row.depth)}${row.name}${'index' in row ? '' : '/'}`);

const album = [
  made('album/two.txt'),
  made('album/.git/config', { reason: 'tooling' }),
  made('album/keys/id_rsa', { reason: 'secret', secret: 'private-key-name' }),
  made('album/summer/10.jpg'),
  made('album/summer/9.jpg'),
  made('album/.env', { reason: 'secret', secret: 'environment' }),
];

test('folders come before files, both by name, and files chosen by themselves as they were chosen', () => {
  const files = [made('z.txt'), ...album, made('a.txt')];
  expect(seen(rowsOf(files, tree(files), new Set()))).toEqual([
    'album/',
    '  .git/',
    '    config',
    '  keys/',
    '    id_rsa',
    '  summer/',
    '    9.jpg',
    '    10.jpg',
    '  .env',
    '  two.txt',
    'z.txt',
    'a.txt',
  ]);
});

test('a closed folder shows itself only, and says what is in it all the same', () => {
  const rows = rowsOf(album, tree(album), new Set(['album']));
  expect(rows).toEqual([
    { path: 'album', name: 'album', depth: 0, open: false, files: 6, tickedFiles: 3, tickedBytes: 30, ticked: 'all' },
  ]);
});

test('a folder ticks what it began with ticked, and all of it when that is nothing', () => {
  const root = tree(album);
  const ticks = (path: string) => {
    const at = folderAt(root, path);
    return at && ticksOf(album, at).map((index) => album[index]?.path);
  };
  expect(ticks('album')).toEqual(['album/summer/9.jpg', 'album/summer/10.jpg', 'album/two.txt']);
  expect(ticks('album/keys')).toEqual(['album/keys/id_rsa']);
  expect(ticks('album/winter')).toBeUndefined();
});

test.each([
  ['all', [true, true]],
  ['some', [true, false]],
  ['none', [false, false]],
])('a folder is ticked %s', (ticked, ticks) => {
  const files = ticks.map((on, i) => made(`a/${i}`, { ticked: on }));
  expect(rowsOf(files, tree(files), new Set())[0]).toMatchObject({ ticked });
});

test('a secret that is ticked makes a folder ticked in part', () => {
  const files = [made('a/1', { ticked: false }), made('a/.env', { reason: 'secret', ticked: true })];
  expect(rowsOf(files, tree(files), new Set())[0]).toMatchObject({ ticked: 'some', tickedFiles: 1 });
});

test('of folders in which nothing is ticked the topmost are known', () => {
  expect(leftOutFolders(album, tree(album))).toEqual(['album/.git', 'album/keys']);
});

test('every file has its row, whatever the paths', () => {
  const path = fc.array(fc.constantFrom('a', 'b', '', '.', 'constructor', '__proto__'), { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(path, { maxLength: 20 }), (paths) => {
      const files = paths.map((parts) => made(parts.join('/')));
      const rows = rowsOf(files, tree(files), new Set());
      const indexes = rows.flatMap((row) => ('index' in row ? [row.index] : []));
      expect(indexes.sort((a, b) => a - b)).toEqual(files.map((_, i) => i));
      const folders = rows.flatMap((row) => ('index' in row ? [] : [row.path]));
      expect(new Set(folders).size).toBe(folders.length);
    }),
  );
});
