// Files as people hand them over: chosen, a chosen folder, dropped, pasted. Only File objects come out; no handle to a
// folder is ever asked for or kept.

import type { PickedFile } from '../room/outgoing.ts';

/** Files of an input; a chosen folder's files keep their path in it. */
export function fromInput(files: FileList): PickedFile[] {
  return Array.from(files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
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
    const batch = await new Promise<FileSystemEntry[]>((resolve) => reader.readEntries(resolve, () => resolve([])));
    // An empty folder is a file of nothing whose path says so.
    if (!batch.length && isEmpty) found.push({ file: new File([], entry.name), path: `${path}/` });
    if (!batch.length) return;
    for (const child of batch) await walk(child, found);
  }
}
