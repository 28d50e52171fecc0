// Files become entries of an archive: each is read once, for its checksum, and gets the place it has in there.

import CRC32 from 'crc-32';
import { KiB, MiB } from '../protocol/limits.ts';
import type { Saving } from './export.ts';
import { zipPaths } from './zip-paths.ts';
import type { ZipEntry } from './zip.ts';

/** Files that are read at the same time: reading a small one is mostly waiting. */
const READERS = 8;
/** Files that are read in one go. */
const SMALL_BYTES = MiB;
const BLOCK_BYTES = 256 * KiB;
/** After so many bytes of a file the page gets a turn: what was read ahead would keep it from answering. */
const REST_BYTES = 8 * MiB;

/** What is needed of a blob. */
type Content = Pick<Blob, 'size' | 'stream' | 'arrayBuffer'>;

/** A file on its way into an archive. */
export interface Packed<File extends Content = Blob> {
  /** Sanitised, components joined by `/`. The last is a name no other file has. */
  readonly path: string;
  readonly modified: number;
  readonly file: File;
}

/** In the order of the files. Rejects when one cannot be read, or when it is told to stop. */
export async function zipEntries<File extends Content>(
  files: readonly Packed<File>[],
  { signal, progress }: Saving,
): Promise<ZipEntry<File>[]> {
  const paths = zipPaths(files.map(({ path }) => path));
  const entries: ZipEntry<File>[] = [];
  const rest = files.entries();
  const read = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      const [i, { file, modified }] = next.value;
      let checksum = 0;
      for await (const bytes of chunksOf(file)) {
        signal.throwIfAborted();
        checksum = CRC32.buf(bytes, checksum);
        progress(bytes.length);
      }
      // It comes with a sign.
      entries[i] = { path: paths[i] ?? '', modified, crc32: checksum >>> 0, content: file };
    }
  };
  try {
    await Promise.all(Array.from({ length: READERS }, read));
  } catch (error) {
    // Nobody waits for the others any more.
    while (!rest.next().done);
    throw error;
  }
  return entries;
}

/** What is yielded is overwritten by what comes next. */
async function* chunksOf(file: Content): AsyncGenerator<Uint8Array> {
  if (file.size <= SMALL_BYTES) {
    if (file.size) yield new Uint8Array(await file.arrayBuffer());
    return;
  }
  const read = reading(file);
  let sinceRest = 0;
  for (let bytes = await read(); bytes; bytes = await read()) {
    yield bytes;
    sinceRest += bytes.length;
    if (sinceRest < REST_BYTES) continue;
    sinceRest = 0;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Gives a stream's bytes, piece by piece, in memory that is used again: new memory for each would wait to be collected. */
function reading(file: Content): () => Promise<Uint8Array | undefined> {
  const stream = file.stream();
  try {
    const reader = stream.getReader({ mode: 'byob' });
    let memory = new ArrayBuffer(BLOCK_BYTES);
    return async () => {
      const { value } = await reader.read(new Uint8Array(memory));
      memory = value?.buffer ?? memory;
      return value?.length ? value : undefined;
    };
  } catch {
    // Not every browser's blobs can be read like that.
    const reader = stream.getReader();
    return async () => (await reader.read()).value;
  }
}
