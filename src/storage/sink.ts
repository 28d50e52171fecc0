// Where the bytes of an accepted file wait until they are verified and saved.

import type { Bytes } from '../protocol/bytes.ts';
import type { HashList } from '../protocol/hash-list.ts';

/** A file that can be gone on with after its link, its page or its browser is gone. */
export interface PartialFile {
  /** Random, and known to nobody but this browser. */
  readonly name: string;
  readonly pieces: number;
  readonly pieceBytes: number;
  /** Whether what is there from earlier counts; else it is begun anew. */
  readonly resume: boolean;
}

export interface Sink {
  /** The pieces of an earlier session that are still there, read and hashed again. */
  readonly held: HashList;
  /** Whether it can be opened again under its name; a partial file that somebody else has open is begun anew, and is not. */
  readonly isKept: boolean;
  /** Writes bytes at an offset. Throws Failure `disk-full` or `memory-full`. */
  write(at: number, bytes: Bytes): void | Promise<void>;
  /** A whole piece was written: noted beside a partial file. */
  note(piece: number, hash: Bytes): void;
  /** The whole file, readable from now on; nothing can be written after it. */
  finish(): Promise<Blob>;
  /** Lets go of it: a partial file can be opened again under its name, anything else is freed. */
  release(): Promise<void>;
  /** Frees what was written, finished or not. */
  discard(): Promise<void>;
}

export interface Staging {
  /** `disk` is the origin private file system; `memory` is the bounded substitute where there is none. */
  readonly kind: 'disk' | 'memory';
  /** Room for a file of `size` bytes. Throws Failure. */
  open(size: number, partial?: PartialFile): Promise<Sink>;
  /** Downloads read these partial files, and with `others` what has no name: for an hour they outlive this page. */
  keepForDownload(partials: readonly string[], others: boolean): Promise<void>;
  /** Frees a partial file, unless somebody has it open: then false. */
  drop(name: string): Promise<boolean>;
}
