// What people hand over: files chosen, a chosen folder, dropped, pasted; a text. Only File objects come out; no handle to a
// folder is ever asked for or kept.

import { Failure } from '../protocol/failure.ts';
import { MAX_SNIPPET_BYTES } from '../protocol/limits.ts';
import type { PickedFile } from '../room/outgoing.ts';

const TITLE_CHARS = 40;

/** Files of an input; a chosen folder's files keep their path in it. */
export function fromInput(files: FileList): PickedFile[] {
  return Array.from(files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** A text that was written or pasted. Throws Failure `text-too-long`. */
export function fromText(text: string): PickedFile {
  const file = new File([text], 'Text.txt', { type: 'text/plain' });
  if (file.size > MAX_SNIPPET_BYTES) throw new Failure('text-too-long');
  const words = Array.from(text.trim().replace(/\s+/gu, ' '));
  const snippet = words.slice(0, TITLE_CHARS).join('') + (words.length > TITLE_CHARS ? '…' : '');
  // Its name says nothing of what is in it: names are shown before a yes.
  return { file, path: file.name, snippet };
}

/** What its owner knows it by. */
export function titleOf(path: string, snippet: string | undefined): string {
  return snippet === undefined ? path : `Text · ${snippet}`;
}

/** Files of a drop or paste, folders walked. */
export async function fromTransfer(transfer: DataTransfer): Promise<PickedFile[]> {
  // The list is emptied when the event is over, so every entry is taken before the first wait.
  const entries = Array.from(transfer.items, (item) => (item.kind === 'file' ? item.webkitGetAsEntry() : null));
  const plain = Array.from(transfer.files, (file) => ({ file, path: file.name }));
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const found: PickedFile[] = [];
  for (const entry of entries) if (entry) await walk(entry, found);
  return found;
}

async function walk(entry: FileSystemEntry, found: PickedFile[]): Promise<void> {
  const path = entry.fullPath.replace(/^\//, '');
  if (entry.isFile) {
    const file = await new Promise<File | undefined>((resolve) => {
      // What cannot be read is not offered.
      (entry as FileSystemFileEntry).file(resolve, () => resolve(undefined));
    });
    if (file) found.push({ file, path });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (let isEmpty = true; ; isEmpty = false) {
    const batch = await new Promise<FileSystemEntry[] | undefined>((resolve) => {
      // What cannot be read is not offered.
      reader.readEntries(resolve, () => resolve(undefined));
    });
    if (!batch) return;
    // An empty folder is a file of nothing whose path says so.
    if (!batch.length && isEmpty) found.push({ file: new File([], entry.name), path: `${path}/` });
    if (!batch.length) return;
    for (const child of batch) await walk(child, found);
  }
}
