// Staging on disk, in the origin private file system, written through synchronous access handles. Runs in the transfer
// worker. What is gone with its page is in a folder of that page, whose Web Lock the page holds for as long as it lives;
// partial files are in a folder of their own, each with a Web Lock while somebody has it open, and with the hashes of
// its pieces beside it. What nobody holds and nobody wants to go on with is swept, but for what a download may be reading.

import { randomBytes, toHex, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';
import { MIN_PIECE_BYTES } from '../protocol/limits.ts';
import { Packs } from './pack.ts';
import { heldPieces, PARTIALS, SAVED, SIDECAR, STAGING } from './partial.ts';
import type { PartialFile, Sink, Staging } from './sink.ts';

/** The lock of a partial is let go a moment after its link is over. */
const LOCK_MS = 3_000;
/** A download goes on when its page is gone, and Chromium cancels it when the file goes: an hour outlasts any of them. */
const DOWNLOAD_MS = 60 * 60 * 1000;

function diskFailure(error: unknown): Failure {
  const full = error instanceof DOMException && error.name === 'QuotaExceededError';
  return Failure.from(error, full ? 'disk-full' : 'internal');
}

function writeAll(access: FileSystemSyncAccessHandle, at: number, bytes: Bytes): void {
  let written: number;
  try {
    written = access.write(bytes, { at });
  } catch (error) {
    throw diskFailure(error);
  }
  if (written !== bytes.length) throw new Failure('disk-full', `wrote ${written} of ${bytes.length}`);
}

interface Opened {
  readonly file: FileSystemFileHandle;
  readonly access: FileSystemSyncAccessHandle;
}

async function openFile(folder: FileSystemDirectoryHandle, name: string): Promise<Opened> {
  const file = await folder.getFileHandle(name, { create: true });
  return { file, access: await file.createSyncAccessHandle() };
}

/** A file that is gone with its page. */
class PageSink implements Sink {
  readonly held = new HashList(0);
  readonly isKept = false;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #data: Opened;

  constructor(folder: FileSystemDirectoryHandle, data: Opened) {
    this.#folder = folder;
    this.#data = data;
  }

  write(at: number, bytes: Bytes): void {
    writeAll(this.#data.access, at, bytes);
  }

  note(): void {
    // Nobody will go on with it.
  }

  finish(): Promise<File> {
    // Not flushed: it does not outlive a power cut anyway, and every reader goes through the system's cache, not the disk.
    this.#data.access.close();
    return this.#data.file.getFile();
  }

  release(): Promise<void> {
    return this.discard();
  }

  async discard(): Promise<void> {
    this.#data.access.close();
    await this.#folder.removeEntry(this.#data.file.name);
  }
}

/** A file that can be gone on with. */
class PartialSink implements Sink {
  readonly isKept = true;
  readonly held: HashList;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #data: Opened;
  readonly #sidecar: Opened;
  readonly #unlock: () => void;

  constructor(folder: FileSystemDirectoryHandle, data: Opened, sidecar: Opened, unlock: () => void, held: HashList) {
    this.#folder = folder;
    this.#data = data;
    this.#sidecar = sidecar;
    this.#unlock = unlock;
    this.held = held;
  }

  write(at: number, bytes: Bytes): void {
    writeAll(this.#data.access, at, bytes);
  }

  note(piece: number, hash: Bytes): void {
    writeAll(this.#sidecar.access, piece * HASH_BYTES, hash);
  }

  finish(): Promise<File> {
    this.#close();
    return this.#data.file.getFile();
  }

  release(): Promise<void> {
    this.#close();
    this.#unlock();
    return Promise.resolve();
  }

  async discard(): Promise<void> {
    this.#close();
    try {
      await removePartial(this.#folder, this.#data.file.name);
    } finally {
      this.#unlock();
    }
  }

  #close(): void {
    this.#data.access.close();
    this.#sidecar.access.close();
  }
}

async function removePartial(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  // The hashes first: without them the rest is nothing that could be gone on with.
  await folder.removeEntry(name + SIDECAR).catch(() => undefined);
  await folder.removeEntry(name).catch(() => undefined);
  await folder.removeEntry(name + SAVED).catch(() => undefined);
}

/** Notes, by the time of a file of this name, that a download began. */
async function noteSaved(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  const { access } = await openFile(folder, name);
  // What is written does not matter; to open it alone would leave its time as it was.
  access.write(new Uint8Array(1), { at: 0 });
  access.close();
}

async function mayBeDownloading(folder: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    const { lastModified } = await (await folder.getFileHandle(name)).getFile();
    return Date.now() - lastModified < DOWNLOAD_MS;
  } catch {
    // Never saved.
    return false;
  }
}

/** Takes a Web Lock until the returned function is called; undefined when somebody else keeps it. */
function lock(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const held = () => new Promise<void>((unlock) => resolve(unlock));
    navigator.locks.request(name, { signal: AbortSignal.timeout(LOCK_MS) }, held).catch(() => resolve(undefined));
  });
}

/** The pieces of a file that are whole: the noted hash is the one its bytes have now. */
async function checkHeld(data: Opened, sidecar: Opened, { pieces, pieceBytes }: PartialFile, size: number) {
  const noted = new Uint8Array(pieces * HASH_BYTES);
  sidecar.access.read(noted, { at: 0 });
  return heldPieces(new HashList(pieces, noted), size, pieceBytes, (bytes, at) => data.access.read(bytes, { at }));
}

async function openPartial(
  folder: FileSystemDirectoryHandle,
  partial: PartialFile,
  size: number,
): Promise<Sink | undefined> {
  const unlock = await lock(`${PARTIALS}/${partial.name}`);
  if (!unlock) return undefined;
  try {
    const data = await openFile(folder, partial.name);
    const sidecar = await openFile(folder, partial.name + SIDECAR);
    if (!partial.resume) for (const { access } of [data, sidecar]) access.truncate(0);
    const held = await checkHeld(data, sidecar, partial, size);
    return new PartialSink(folder, data, sidecar, unlock, held);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Removes what nobody holds: folders of pages that are gone, and partial files nobody will go on with. */
async function sweep(
  pages: FileSystemDirectoryHandle,
  partials: FileSystemDirectoryHandle,
  isKept: (name: string) => Promise<boolean>,
): Promise<void> {
  for await (const name of pages.keys()) {
    await navigator.locks.request(`${STAGING}/${name}`, { ifAvailable: true }, async (free) => {
      if (!free || (await mayBeDownloading(await pages.getDirectoryHandle(name), SAVED))) return;
      await pages.removeEntry(name, { recursive: true });
    });
  }
  for await (const entry of partials.keys()) {
    const name = entry.replace(SIDECAR, '').replace(SAVED, '');
    await navigator.locks.request(`${PARTIALS}/${name}`, { ifAvailable: true }, async (free) => {
      if (!free || (await isKept(name)) || (await mayBeDownloading(partials, name + SAVED))) return;
      await removePartial(partials, name);
    });
  }
}

/**
 * Staging on disk for this page, left-overs of earlier pages swept; undefined where the browser has no such storage.
 * `isKept` says of a partial file whether somebody may still go on with it.
 */
export async function openDiskStaging(isKept: (name: string) => Promise<boolean>): Promise<Staging | undefined> {
  try {
    const top = await navigator.storage.getDirectory();
    const root = await top.getDirectoryHandle(STAGING, { create: true });
    const partials = await top.getDirectoryHandle(PARTIALS, { create: true });
    const name = toHex(randomBytes(16));
    await new Promise<void>((held, refused) => {
      // The promise handed to the lock never settles: the lock ends with the page.
      navigator.locks.request(`${STAGING}/${name}`, () => (held(), new Promise(() => undefined))).catch(refused);
    });
    const folder = await root.getDirectoryHandle(name, { create: true });
    // Some browsers have the folder and not the handle; better to know before the first file.
    const probe = await openFile(folder, 'probe');
    probe.access.close();
    await folder.removeEntry('probe');
    // Another page may be sweeping too; whoever loses that race has nothing to do.
    await sweep(root, partials, isKept).catch(() => undefined);
    const create = async () => new PageSink(folder, await openFile(folder, toHex(randomBytes(16))));
    const packs = new Packs(() =>
      create().catch((error: unknown) => {
        throw diskFailure(error);
      }),
    );
    return {
      kind: 'disk',
      async open(size, partial) {
        try {
          const sink = partial && (await openPartial(partials, partial, size));
          // Open in another tab: then it is begun anew here, and not kept.
          return sink ?? (await (size > MIN_PIECE_BYTES ? create() : packs.open(size)));
        } catch (error) {
          throw diskFailure(error);
        }
      },
      async keepForDownload(saved, others) {
        for (const partial of saved) await noteSaved(partials, partial + SAVED);
        if (others) await noteSaved(folder, SAVED);
      },
      async drop(partial) {
        const unlock = await lock(`${PARTIALS}/${partial}`);
        if (unlock) await removePartial(partials, partial).finally(unlock);
        return unlock !== undefined;
      },
    };
  } catch {
    return undefined;
  }
}
