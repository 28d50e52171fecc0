// The review as a tree: what is in which folder, how much of it is ticked, and which rows are to be seen. Pure.

import type { SecretKind, SecretReason } from '../safety/secrets.ts';
import type { PickedFile } from '../room/outgoing.ts';

/** One file of the review. */
export interface ReviewFile extends PickedFile {
  readonly reason: SecretReason;
  /** What is secret about it, by its name or its content. */
  readonly secret: SecretKind | undefined;
  readonly ticked: boolean;
}

export interface FileRow {
  readonly index: number;
  readonly file: ReviewFile;
  readonly name: string;
  readonly depth: number;
}

export interface FolderRow {
  readonly path: string;
  readonly name: string;
  readonly depth: number;
  readonly open: boolean;
  readonly files: number;
  readonly tickedFiles: number;
  readonly tickedBytes: number;
  /** Of the files it begins with ticked; of all, when it begins with none. */
  readonly ticked: 'all' | 'some' | 'none';
}

export type Row = FileRow | FolderRow;

/** A folder of the tree; files are places in the list of all. */
export interface Folder {
  readonly path: string;
  readonly name: string;
  readonly folders: Map<string, Folder>;
  /** Right in it. */
  readonly own: number[];
  /** In it and in all its folders. */
  readonly all: number[];
}

const folder = (path: string, name: string): Folder => ({ path, name, folders: new Map(), own: [], all: [] });
const byName = new Intl.Collator('en', { numeric: true }).compare;
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** The tree of these paths. In a folder all is in the order of names; files chosen by themselves stay as they were chosen. */
export function treeOf(paths: readonly string[]): Folder {
  const root = folder('', '');
  const order = paths.map((_, index) => index);
  const isAlone = (path: string) => !path.includes('/');
  order.sort((a, b) => {
    const [one = '', two = ''] = [paths[a], paths[b]];
    if (isAlone(one) !== isAlone(two)) return isAlone(one) ? 1 : -1;
    return isAlone(one) ? a - b : byName(one, two);
  });
  for (const index of order) {
    let at = root;
    const parts = (paths[index] ?? '').split('/').slice(0, -1).filter(Boolean);
    at.all.push(index);
    for (const part of parts) {
      const path = at.path ? `${at.path}/${part}` : part;
      const next = at.folders.get(part) ?? folder(path, part);
      at.folders.set(part, next);
      at = next;
      at.all.push(index);
    }
    at.own.push(index);
  }
  return root;
}

/** The folder with this path, if there is one. */
export function folderAt(root: Folder, path: string): Folder | undefined {
  return path.split('/').reduce<Folder | undefined>((at, part) => at?.folders.get(part), root);
}

/**
 * What ticking a folder ticks: what it began with ticked. A secret or a hidden file in it is ticked by itself, unless there
 * is nothing else in the folder: then the folder is what was meant.
 */
export function ticksOf(files: readonly ReviewFile[], { all }: Folder): readonly number[] {
  const plain = all.filter((index) => files[index]?.reason === '');
  return plain.length ? plain : all;
}

function folderRow(files: readonly ReviewFile[], at: Folder, depth: number, open: boolean): FolderRow {
  let [tickedFiles, tickedBytes] = [0, 0];
  for (const index of at.all) {
    const file = files[index];
    if (!file?.ticked) continue;
    tickedFiles++;
    tickedBytes += file.file.size;
  }
  const whole = ticksOf(files, at).every((index) => files[index]?.ticked);
  const ticked = tickedFiles === 0 ? 'none' : whole ? 'all' : 'some';
  return { path: at.path, name: at.name, depth, open, files: at.all.length, tickedFiles, tickedBytes, ticked };
}

/** Every row to be seen while the folders in `closed` are closed, folders before the files beside them. */
export function rowsOf(files: readonly ReviewFile[], root: Folder, closed: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const add = (at: Folder, depth: number) => {
    for (const inner of at.folders.values()) {
      const open = !closed.has(inner.path);
      rows.push(folderRow(files, inner, depth, open));
      if (open) add(inner, depth + 1);
    }
    for (const index of at.own) {
      const file = files[index];
      if (file) rows.push({ index, file, name: nameOf(file.path), depth });
    }
  };
  add(root, 0);
  return rows;
}

/** The topmost folders in which nothing is ticked to begin with: a repository's `.git` has more files than anyone reads. */
export function leftOutFolders(files: readonly ReviewFile[], root: Folder): string[] {
  return [...root.folders.values()].flatMap((inner) =>
    inner.all.every((index) => files[index]?.reason !== '') ? [inner.path] : leftOutFolders(files, inner),
  );
}
