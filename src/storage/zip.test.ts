// The archives, read by code of the tests' own and by the two unpackers people have: Info-ZIP's unzip and 7-Zip.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../protocol/failure.ts';
import { GiB, MiB } from '../protocol/limits.ts';
import { listZip, writeParts, type Zeros } from '../testing/zip-file.ts';
import { zip } from './archive.ts';
import { zipEntries, type Packed } from './zip-entries.ts';
import { zipParts, type ZipEntry } from './zip.ts';

const U32 = 0xffff_ffff;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'doorstep-zip-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const entry = (path: string, size: number, modified = 0): ZipEntry<Zeros> => ({
  ...{ path, modified, crc32: 0, content: { size } },
});

/** Writes an archive of these entries, each as long as it says; what is listed in it. */
function listed(...entries: ZipEntry<Zeros>[]) {
  const path = join(folder, 'listed.zip');
  writeParts(path, zipParts(entries));
  return listZip(path).map(({ path: name, size }) => [name, size]);
}

describe('the headers', () => {
  test('of nothing, of empty files and of others', () => {
    expect(listed()).toEqual([]);
    expect(listed(entry('empty', 0), entry('a/b/c.txt', 5))).toEqual([
      ['empty', 0],
      ['a/b/c.txt', 5],
    ]);
  });

  test.each([U32 - 1, U32, U32 + 1, 128 * GiB])('of an entry of %d bytes, and of those behind it', (size) => {
    const files = [entry('large', size), entry('behind', 7), entry('last', size)];
    expect(listed(...files)).toEqual([
      ['large', size],
      ['behind', 7],
      ['last', size],
    ]);
  });

  test.each([U32 - 1, U32, U32 + 1])('of an entry at %d', (at) => {
    // 30 bytes and the name.
    expect(listed(entry('first', at - 35), entry('at', 1))).toEqual([
      ['first', at - 35],
      ['at', 1],
    ]);
  });

  test.each([65_534, 65_535, 65_536])('of %d entries', (count) => {
    const entries = Array.from({ length: count }, (_, i) => entry(`${i}`, i % 3));
    expect(listed(...entries)).toHaveLength(count);
  });

  test.each([
    [new Date(2026, 10, 21, 13, 37, 59), [0x6cbd, 0x5d75]],
    [new Date(1980, 0, 1), [0, 0x21]],
    [new Date(1979, 11, 31), [0, 0x21]],
    [new Date(2107, 11, 31, 23, 59, 59), [0xbf7d, 0xff9f]],
    [new Date(2108, 0, 1), [0xbf7d, 0xff9f]],
    [{ getTime: () => Number.MAX_SAFE_INTEGER }, [0xbf7d, 0xff9f]],
    [{ getTime: () => Number.MIN_SAFE_INTEGER }, [0, 0x21]],
  ])('of a file of %s: time and date', (modified, [time, date]) => {
    const [header] = zipParts([entry('a', 0, modified.getTime())]);
    const view = new DataView((header as Uint8Array<ArrayBuffer>).buffer);
    expect([view.getUint16(10, true), view.getUint16(12, true)]).toEqual([time, date]);
  });

  test('a path that is empty or does not fit is an error of whoever calls', () => {
    expect(() => listed(entry('', 0))).toThrow(RangeError);
    expect(() => listed(entry('ü'.repeat(40_000), 0))).toThrow(RangeError);
  });
});

const unwatched = () => ({ signal: new AbortController().signal, progress: () => undefined });
const packed = (path: string, content: string): Packed => ({ path, modified: 0, file: new Blob([content]) });

describe('files', () => {
  test.each([
    ['', 0],
    // The check value of the standard.
    ['123456789', 0xcbf43926],
  ])('the checksum of %j', async (content, checksum) => {
    expect(await zipEntries([packed('a', content)], unwatched())).toMatchObject([{ crc32: checksum }]);
  });

  test('are packed as they are, and nothing is executable', async () => {
    const path = join(folder, 'files.zip');
    let read = 0;
    const files = [packed('a.txt', 'this is a'), packed('x/empty', ''), packed('x', 'in its way')];
    const archive = await zip(files, { ...unwatched(), progress: (bytes) => (read += bytes) });
    await writeFile(path, archive.stream());
    expect(archive.type).toBe('application/octet-stream');
    expect(read).toBe(19);
    expect(listZip(path)).toMatchObject([
      { path: 'a.txt', size: 9, mode: 0o100644 },
      { path: 'x (2)/empty', size: 0, crc32: 0, mode: 0o100644 },
      { path: 'x', size: 10, mode: 0o100644 },
    ]);
    expect(await archive.slice(35, 44).text()).toBe('this is a');
  });

  test('an empty folder is one, beside files and where a file is called like it', async () => {
    const path = join(folder, 'folders.zip');
    const files = [packed('a/empty/', ''), packed('a/b.txt', 'b'), packed('lone/', ''), packed('empty', 'a file')];
    await writeFile(path, (await zip(files, unwatched())).stream());
    expect(listZip(path)).toMatchObject([
      { path: 'a/empty (2)/', size: 0, crc32: 0, mode: 0o040755 },
      { path: 'a/b.txt', mode: 0o100644 },
      { path: 'lone/', mode: 0o040755 },
      { path: 'empty', mode: 0o100644 },
    ]);
    const unpacked = join(folder, 'unpacked');
    await run('unzip', ['-q', path, '-d', unpacked]);
    expect((await readdir(unpacked, { recursive: true })).sort()).toEqual([
      ...['a', 'a/b.txt', 'a/empty (2)', 'empty', 'lone'],
    ]);
  });

  test('one that cannot be read fails, and an end that is asked for comes at once', async () => {
    const gone = Object.assign(new Blob(['x']), {
      arrayBuffer: () => Promise.reject(new DOMException('', 'NotFoundError')),
    });
    const failed = zip([{ path: 'a', modified: 0, file: gone }], unwatched());
    await expect(failed).rejects.toEqual(new Failure('save-failed', 'NotFoundError '));
    const stopped = zip([packed('a', 'a')], { ...unwatched(), signal: AbortSignal.abort() });
    await expect(stopped).rejects.toEqual(new Failure('cancelled'));
  });
});

const run = promisify(execFile);

/** What a command says; its failure is the test's. */
async function said(command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const { stdout, stderr } = await run(command, args, { maxBuffer: 64 * MiB, env });
  return stdout + stderr;
}

/** The newer package has one name, the older another. */
async function sevenZip(...args: string[]): Promise<string> {
  try {
    return await said('7zz', ...args);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return said('7z', ...args);
  }
}

/** Both unpackers read all of it and have nothing to remark. */
async function expectSound(path: string, files: number): Promise<void> {
  const [unzip, sevenZipSays] = await Promise.all([said('unzip', '-tqq', path), sevenZip('t', path)]);
  expect(unzip).toBe('');
  expect(sevenZipSays).toContain('Everything is Ok');
  expect(sevenZipSays).toContain(`Files: ${files}\n`);
  expect(sevenZipSays).not.toMatch(/warning|error/i);
}

const zeros = new Uint8Array(MiB);

/** So many zeros, read as a blob is. */
function zerosOf(size: number): Pick<Blob, 'size' | 'stream' | 'arrayBuffer'> {
  let left = size;
  const stream = () =>
    new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        controller.enqueue(left < zeros.length ? zeros.subarray(0, left) : zeros);
        left -= Math.min(left, zeros.length);
        if (left === 0) controller.close();
      },
    });
  return { size, stream, arrayBuffer: () => Promise.resolve(zeros.slice(0, size).buffer) };
}

describe.concurrent('unzip and 7-Zip find nothing wrong with', { timeout: 300_000 }, () => {
  test('5 GiB, of which one file has more than 4', async () => {
    const path = join(folder, 'large.zip');
    const sizes = [3, 4 * GiB + 5, 0, GiB / 2, GiB / 2 + 1, 9];
    const files = sizes.map((size, i) => ({ path: `folder/${i}.bin`, modified: Date.now(), file: zerosOf(size) }));
    writeParts(path, zipParts(await zipEntries(files, unwatched())));
    expect(statSync(path).size).toBeGreaterThan(5 * GiB);
    await expectSound(path, sizes.length);
  });

  test('more than 65,535 files, in folders, with names of all kinds, some of them empty', async () => {
    const path = join(folder, 'many.zip');
    const names = ['ünïcödé', '日本語', 'holiday 🏝️ 👩‍👩‍👧', 'a b', "it's", '$(x)', '_-rf', 'n'.repeat(190)];
    const files = Array.from({ length: 70_000 }, (_, i) =>
      packed(`${names[i % 7] ?? ''}/${i % 90}/${names[i % 8] ?? ''} ${i}`, i % 5 ? `file ${i}` : ''),
    );
    await writeFile(path, (await zip(files, unwatched())).stream());
    await expectSound(path, files.length);
    expect(listZip(path).map((one) => one.path)).toEqual(files.map((one) => one.path));
    expect(await said('unzip', '-p', path, files[1]?.path ?? '')).toBe('file 1');
  });
});
