// Several files saved as one. Loaded on demand.

import { saveFailure, TYPE, type Saving } from './export.ts';
import { zipEntries, type Packed } from './zip-entries.ts';
import { zipParts } from './zip.ts';

/** Parts of one blob; more of them go into blobs of their own first. */
const MAX_PARTS = 1_000;

/**
 * A ZIP of the files. It is put together of them by reference, so that it takes neither memory nor a second place on the
 * disk: each file is read once for its checksum, and once more by whoever reads the archive. Throws Failure.
 */
export async function zip(files: readonly Packed[], saving: Saving): Promise<Blob> {
  try {
    return joined([...zipParts(await zipEntries(files, saving))]);
  } catch (error) {
    throw saveFailure(error, saving.signal);
  }
}

function joined(parts: readonly BlobPart[]): Blob {
  if (parts.length <= MAX_PARTS) return new Blob([...parts], { type: TYPE });
  const blobs: Blob[] = [];
  for (let at = 0; at < parts.length; at += MAX_PARTS) blobs.push(new Blob(parts.slice(at, at + MAX_PARTS)));
  return joined(blobs);
}
