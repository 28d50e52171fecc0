// Staging on disk: one folder of the origin private file system for each page, one randomly named file for each
// accepted file, written through synchronous access handles. Runs in the transfer worker.
// A page holds the Web Lock of its folder for as long as it lives; folders whose lock is free were left by dead pages.

import { randomBytes, toHex, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import type { Sink, Staging } from './sink.ts';

const ROOT = 'staging';

function diskFailure(error: unknown): Failure {
  const full = error instanceof DOMException && error.name === 'QuotaExceededError';
  return Failure.from(error, full ? 'disk-full' : 'internal');
}

class DiskSink implements Sink {
  readonly #folder: FileSystemDirectoryHandle;
  readonly #file: FileSystemFileHandle;
  readonly #access: FileSystemSyncAccessHandle;

  constructor(folder: FileSystemDirectoryHandle, file: FileSystemFileHandle, access: FileSystemSyncAccessHandle) {
    this.#folder = folder;
    this.#file = file;
    this.#access = access;
  }

  write(at: number, bytes: Bytes): void {
    let written: number;
    try {
      written = this.#access.write(bytes, { at });
    } catch (error) {
      throw diskFailure(error);
    }
    if (written !== bytes.length) throw new Failure('disk-full', `wrote ${written} of ${bytes.length}`);
  }

  async finish(): Promise<File> {
    // Not flushed: a file that waits here does not outlive a power cut anyway, and every reader goes through the system's
    // cache, not the disk.
    this.#access.close();
    return this.#file.getFile();
  }

  async discard(): Promise<void> {
    this.#access.close();
    await this.#folder.removeEntry(this.#file.name);
  }
}

/** Removes the folders of pages that are gone: those whose lock can be had at once. */
async function sweep(root: FileSystemDirectoryHandle): Promise<void> {
  for await (const name of root.keys()) {
    await navigator.locks.request(`${ROOT}/${name}`, { ifAvailable: true }, async (lock) => {
      if (lock) await root.removeEntry(name, { recursive: true });
    });
  }
}

/** Staging on disk for this page, left-overs of earlier pages swept; undefined where the browser has no such storage. */
export async function openDiskStaging(): Promise<Staging | undefined> {
  try {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create: true });
    const name = toHex(randomBytes(16));
    await new Promise<void>((held, refused) => {
      // The promise handed to the lock never settles: the lock ends with the page.
      navigator.locks.request(`${ROOT}/${name}`, () => (held(), new Promise(() => undefined))).catch(refused);
    });
    const folder = await root.getDirectoryHandle(name, { create: true });
    // Some browsers have the folder and not the handle; better to know before the first file.
    const probe = await folder.getFileHandle('probe', { create: true });
    (await probe.createSyncAccessHandle()).close();
    await folder.removeEntry('probe');
    // Another page may be sweeping too; whoever loses that race has nothing to do.
    await sweep(root).catch(() => undefined);
    return {
      kind: 'disk',
      async open() {
        try {
          const file = await folder.getFileHandle(toHex(randomBytes(16)), { create: true });
          return new DiskSink(folder, file, await file.createSyncAccessHandle());
        } catch (error) {
          throw diskFailure(error);
        }
      },
    };
  } catch {
    return undefined;
  }
}
