// One file on my doorstep: what is known of it, how it looks, what may be done with it. Pure.

import type { FailureCode } from '../protocol/failure.ts';
import { MIN_PIECE_BYTES } from '../protocol/limits.ts';
import type { OfferedFile } from '../protocol/messages.ts';
import { safePath, splitExtension, uniqueName } from '../safety/file-name.ts';
import { nameWarning, riskOf, SEVERITY, type Verdict } from '../safety/file-type.ts';
import type { FileFacts } from '../storage/journal.ts';
import type { Transfer } from '../transfer/client.ts';
import { RateMeter } from '../transfer/rate.ts';
import { NOBODY, type PausedBy } from './paused.ts';
import type { IncomingState, IncomingView } from './views.ts';

/** A verified file as it waits in staging. */
export interface StagedFile {
  readonly id: string;
  readonly name: string;
  /** Folders and name, sanitised, joined by `/`; an empty folder's ends with one. */
  readonly path: string;
  readonly modified: number;
  readonly file: Blob;
}

/** One file somebody offered, and what became of it here. */
export interface Incoming {
  readonly id: string;
  readonly peer: string;
  offered: OfferedFile;
  readonly folder: string;
  readonly isFolder: boolean;
  readonly name: string;
  /** What its name says, found out once, as there may be thousands and every look asks; and its first bytes, once here. */
  named: Pick<IncomingView, 'stem' | 'extension' | 'risk' | 'warning'>;
  /** Its first bytes belie its name, and nobody has said yes to that. */
  doubted: boolean;
  /** What was said of its first bytes when somebody said yes to them. */
  agreedTo: string | undefined;
  /** Whole, and being looked through. */
  scanning: boolean;
  /** What was found in it. */
  found: readonly string[];
  /** The second yes, to having it among one's own files. */
  confirmed: boolean;
  /** The offer's hash in this session; undefined once that session is over. */
  hash: string | undefined;
  state: IncomingState;
  bytes: number;
  meter: RateMeter;
  failure: FailureCode | undefined;
  pausedBy: PausedBy;
  transfer: Transfer | undefined;
  /** The name of its partial file; of one not accepted in this page life, when there is one. */
  partial: string | undefined;
  /** What it was doing when its link broke: it goes on with that by itself when the same file is offered again. */
  again: 'receiving' | 'paused' | undefined;
  file: Blob | undefined;
  /** What `verified` says, once it is. */
  root: string | undefined;
  /** How it ended was logged. */
  logged: boolean;
  /** Set while a decline can still be taken back. */
  undo: ReturnType<typeof setTimeout> | undefined;
  /** How it looked last: thousands stand still while a few move, and those are not drawn anew. */
  seen: IncomingView | undefined;
}

export const isMoving = ({ state }: Incoming) => state === 'receiving' || state === 'paused';
export const isOpen = (file: Incoming) => file.state === 'offered' || isMoving(file);

/** Came to nothing, and nothing more comes of it in this session. */
export const isOver = ({ state, undo }: Incoming) =>
  state === 'withdrawn' || state === 'failed' || (state === 'declined' && !undo);

/** What a name and a declared type say. */
export function namedBy(name: string, isFolder: boolean, type: string): Incoming['named'] {
  if (isFolder) return { stem: name, extension: '', risk: 'ordinary', warning: '' };
  return { ...splitExtension(name), risk: riskOf(name, type), warning: nameWarning(name, type) };
}

export function worseOf(one: Incoming['named'], other: Incoming['named']): Incoming['named'] {
  return SEVERITY[other.risk] > SEVERITY[one.risk] ? other : one;
}

/** As it was just offered by `peer` in the offer of this hash, under a name that is not among `names` and joins them. */
export function newIncoming(
  id: string,
  peer: string,
  offered: OfferedFile,
  hash: string,
  names: Set<string>,
): Incoming {
  const parts = safePath(offered.path);
  const last = parts.at(-1) ?? 'file';
  const isFolder = offered.size === 0 && /[/\\]$/u.test(offered.path);
  // Folders of one name may lie in many places; it is files that are saved side by side.
  const name = isFolder ? last : uniqueName(last, names);
  return {
    id,
    peer,
    offered,
    folder: parts.slice(0, -1).join('/'),
    name,
    isFolder,
    named: namedBy(name, isFolder, offered.type),
    doubted: false,
    agreedTo: undefined,
    scanning: false,
    found: [],
    confirmed: false,
    hash,
    state: 'offered',
    bytes: 0,
    meter: new RateMeter(),
    failure: undefined,
    pausedBy: NOBODY,
    transfer: undefined,
    partial: undefined,
    again: undefined,
    file: undefined,
    root: undefined,
    logged: false,
    undo: undefined,
    seen: undefined,
  };
}

/** How it looks at `now`, monotonic milliseconds: the same object for as long as nothing about it changes. */
export function look(file: Incoming, inLine: number | undefined, now: number): IncomingView {
  const { seen, state, bytes, failure, pausedBy, undo, again, offered, meter } = file;
  const isFlowing = state === 'receiving' && bytes > 0;
  const isStill =
    !isFlowing &&
    seen?.state === state &&
    seen.bytes === bytes &&
    seen.failure === failure &&
    seen.pausedBy === pausedBy &&
    seen.inLine === inLine &&
    seen.canUndo === (undo !== undefined) &&
    seen.isStaged === (file.file !== undefined) &&
    seen.goesOn === (again !== undefined) &&
    seen.warning === file.named.warning &&
    seen.risk === file.named.risk &&
    seen.doubted === file.doubted &&
    seen.scanning === file.scanning &&
    seen.found === file.found &&
    seen.saveNeeds === saveNeeds(file) &&
    seen.type === offered.type &&
    seen.isText === (offered.snippet === true);
  if (isStill) return seen;
  file.seen = {
    id: file.id,
    peer: file.peer,
    name: file.name,
    ...file.named,
    folder: file.folder,
    isFolder: file.isFolder,
    size: offered.size,
    type: offered.type,
    isText: offered.snippet === true,
    state,
    bytes,
    bytesPerSecond: isFlowing ? meter.bytesPerSecond(now) : undefined,
    secondsLeft: isFlowing ? meter.secondsLeft(offered.size, now) : undefined,
    failure,
    canUndo: undo !== undefined,
    isStaged: file.file !== undefined,
    hasPartial: bytes > 0 && (state === 'offered' || state === 'interrupted'),
    goesOn: again !== undefined,
    pausedBy,
    inLine,
    doubted: file.doubted,
    scanning: file.scanning,
    found: file.found,
    saveNeeds: saveNeeds(file),
  };
  return file.seen;
}

/** What has to be said before a whole file may leave its quarantine. */
export function saveNeeds({ named, doubted, found, confirmed }: Incoming): IncomingView['saveNeeds'] {
  if (confirmed) return 'nothing';
  if (found.length) return 'name';
  return named.risk === 'dangerous' || doubted ? 'yes' : 'nothing';
}

/** A text under such a name is only ever text, also one about web pages; any other name is a file's like any. */
export function isCalledText({ named }: Incoming): boolean {
  return named.extension === '.txt';
}

/** Whether its first bytes make of it what no yes was given to. */
export function isDoubtful({ named }: Incoming, { lie, risk }: Verdict): boolean {
  return lie || (risk === 'dangerous' && named.risk !== 'dangerous');
}

/** The ids that "accept all" says yes to: what is on offer and ordinary, each by its name, and nothing that needs a yes of its own (C5). */
export function acceptedTogether(files: readonly IncomingView[]): string[] {
  return files.filter(({ state, risk }) => state === 'offered' && risk === 'ordinary').map(({ id }) => id);
}

/** Smaller files are fetched anew: less work than to remember them. */
export function isResumable({ offered }: Pick<Incoming, 'offered'>): boolean {
  return offered.size > MIN_PIECE_BYTES;
}

export function factsOf({ peer, offered: { path, size, modified } }: Incoming): FileFacts {
  return { peer, path, size, modified };
}
