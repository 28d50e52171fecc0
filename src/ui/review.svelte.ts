// What is about to be offered, and what of it a person should think about twice. Files enter it unticked when they look
// private; what their content gives away is found out while it is read (looker.ts), and unticks them too.

/* eslint-disable svelte/prefer-svelte-reactivity -- sets here are replaced as a whole or nobody's to watch */

import { leftOutReason, secretByPath } from '../safety/secrets.ts';
import type { PickedFile } from '../room/outgoing.ts';
import type { Findings, Looker } from './looker.ts';
import { folderAt, leftOutFolders, rowsOf, ticksOf, treeOf, type ReviewFile } from './review-tree.ts';
import { PAGE_ROWS } from './rows.ts';

function entering(picked: PickedFile): ReviewFile {
  const { path } = picked;
  const secret = secretByPath(path);
  const reason = secret ? 'secret' : leftOutReason(path);
  return { ...picked, reason, secret, ticked: reason === '' };
}

export class Review {
  files = $state.raw<readonly ReviewFile[]>([]);
  /** Paths of folders that are closed. */
  closed = $state.raw<ReadonlySet<string>>(new Set());
  /** Files that still have to be looked into; nothing is offered before. */
  looking = $state(0);
  /** The ticked secrets are on the screen for their second yes. */
  asking = $state(false);
  /** The part of the page that looks could not be loaded. */
  blind = $state(false);
  readonly ticked = $derived(this.files.filter(({ ticked }) => ticked));
  readonly secrets = $derived(this.ticked.filter(({ reason }) => reason === 'secret'));
  // Ticks do not move a file: the tree is made when files come, and not again with every tick.
  #root = $state.raw(treeOf([]));
  readonly rows = $derived(rowsOf(this.files, this.#root, this.closed));
  /** Those that are or will be looked into, by their places. */
  #looked = new Set<number>();
  #looker: Looker | undefined;
  /** Another one after every `clear`: what is found for files that were sent away is nobody's. */
  #life = {};

  add(files: readonly PickedFile[]): void {
    this.asking = false;
    this.files = [...this.files, ...files.map(entering)];
    this.#root = treeOf(this.files.map(({ path }) => path));
    if (this.files.length > PAGE_ROWS)
      this.closed = new Set([...this.closed, ...leftOutFolders(this.files, this.#root)]);
    this.#look();
  }

  tick(index: number, ticked: boolean): void {
    this.#tickAll([index], ticked);
  }

  /** Ticks what is to be ticked in a folder, or unticks all that is. */
  tickFolder(path: string, ticked: boolean): void {
    const at = folderAt(this.#root, path);
    if (at) this.#tickAll(ticked ? ticksOf(this.files, at) : at.all, ticked);
  }

  /** Closes an open folder, opens a closed one. */
  fold(path: string): void {
    const closed = new Set(this.closed);
    if (!closed.delete(path)) closed.add(path);
    this.closed = closed;
  }

  /** Unticks every secret. */
  leaveSecretsOut(): void {
    this.files = this.files.map((file) => (file.reason === 'secret' ? { ...file, ticked: false } : file));
    this.asking = false;
  }

  clear(): void {
    this.files = [];
    this.#root = treeOf([]);
    this.closed = new Set();
    this.looking = 0;
    this.asking = false;
    this.#life = {};
    this.#looked.clear();
    this.#looker?.stop();
    this.#looker = undefined;
  }

  #tickAll(places: readonly number[], ticked: boolean): void {
    const meant = new Set(places);
    this.files = this.files.map((file, i) => (meant.has(i) && file.ticked !== ticked ? { ...file, ticked } : file));
    this.#look();
  }

  /** Looks into what is ticked and was not looked into; and into what only its name makes a key, which may be a public one. */
  #look(): void {
    const isWanted = (file: ReviewFile, i: number) =>
      !this.#looked.has(i) && (file.ticked || file.secret === 'private-key-name');
    const wanted = this.files.flatMap((file, i) => (isWanted(file, i) ? [[i, file] as const] : []));
    if (!wanted.length) return;
    for (const [i] of wanted) this.#looked.add(i);
    this.looking += wanted.length;
    void this.#lookInto(wanted);
  }

  async #lookInto(wanted: readonly (readonly [number, ReviewFile])[]): Promise<void> {
    const life = this.#life;
    try {
      // On demand: a page that only receives never needs it.
      const loaded = await import('./looker.ts');
      if (life !== this.#life) return;
      this.#looker ??= new loaded.Looker((found) => life === this.#life && this.#heed(found));
      const worthIt = wanted.filter(([, file]) => loaded.isWorthALook(file));
      this.looking -= wanted.length - worthIt.length;
      this.#looker.look(worthIt);
    } catch {
      if (life !== this.#life) return;
      this.blind = true;
      this.looking = 0;
    }
  }

  #heed(found: Findings): void {
    this.files = this.files.map((file, i) => (found.has(i) ? heeded(file, found.get(i)) : file));
    this.looking -= found.size;
  }
}

/** A file as it stands once it was looked into. */
function heeded(file: ReviewFile, secret: ReviewFile['secret']): ReviewFile {
  if (secret === file.secret) return file;
  // A yes given before anyone knew was not given to this; one to a file named like a secret was.
  if (secret) return { ...file, secret, reason: 'secret', ticked: file.reason === 'secret' && file.ticked };
  const reason = leftOutReason(file.path);
  return { ...file, secret, reason, ticked: file.ticked || reason === '' };
}
