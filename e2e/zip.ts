// What is in a ZIP of small files.

import { readFileSync } from 'node:fs';
import { listZip } from '../src/testing/zip-file.ts';

/** Texts of the entries by name. Throws when the archive is not sound. */
export function readZip(path: string): Record<string, string> {
  const zip = readFileSync(path);
  return Object.fromEntries(
    listZip(path).map(({ path: name, at, size }) => [name, zip.toString('utf8', at, at + size)]),
  );
}
