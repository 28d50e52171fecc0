// Saving: the explicit step out of staging. What is saved is always application/octet-stream under a sanitised name;
// nothing received is ever opened or rendered here.

import { Failure } from '../protocol/failure.ts';
import { GiB } from '../protocol/limits.ts';

/** Downloads read from the object URL for as long as they take; an hour outlasts any of them. */
const URL_LIFE_MS = 60 * 60 * 1000;
/** client-zip writes a faulty end record beyond this many entries, and warns readers beyond this size (docs/decisions.md). */
const MAX_ZIP_ENTRIES = 65_534;
const MAX_ZIP_ENTRY_BYTES = 4 * GiB - 1;

/** Hands a blob to the browser's download under `name` (sanitised by the caller). Must run in a gesture. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob.slice(0, blob.size, 'application/octet-stream'));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), URL_LIFE_MS);
}

/** One entry of a ZIP: `path` is sanitised and unique, components joined by `/`. */
export interface ZipEntry {
  readonly path: string;
  readonly file: Blob;
  readonly modified: number;
}

/** A ZIP of the entries, streamed through a file of the private file system, so that it is never whole in memory. Throws Failure. */
export async function zip(entries: readonly ZipEntry[]): Promise<Blob> {
  if (entries.length > MAX_ZIP_ENTRIES || entries.some((entry) => entry.file.size > MAX_ZIP_ENTRY_BYTES)) {
    throw new Failure('save-failed', 'more than one ZIP holds');
  }
  const { makeZip } = await import('client-zip');
  const stream = makeZip(
    entries.map(({ path, file, modified }) => ({
      name: path,
      input: file,
      lastModified: new Date(modified),
      size: file.size,
    })),
  );
  try {
    const folder = await exportsFolder();
    const handle = await folder.getFileHandle(`${crypto.randomUUID()}.zip`, { create: true });
    await stream.pipeTo(await handle.createWritable());
    return await handle.getFile();
  } catch (error) {
    const full = error instanceof DOMException && error.name === 'QuotaExceededError';
    throw Failure.from(error, full ? 'disk-full' : 'save-failed');
  }
}

/** Where ZIPs are built. Older ones are removed on the way: a download may still be reading a young one. */
async function exportsFolder(): Promise<FileSystemDirectoryHandle> {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('exports', { create: true });
  for await (const entry of folder.values()) {
    if (entry.kind !== 'file') continue;
    const { lastModified } = await entry.getFile();
    if (Date.now() - lastModified > URL_LIFE_MS) await folder.removeEntry(entry.name).catch(() => undefined);
  }
  return folder;
}
