// Where the bytes of an accepted file wait until they are verified and saved.

import type { Bytes } from '../protocol/bytes.ts';

export interface Sink {
  /** Writes bytes at an offset. Throws Failure `disk-full` or `memory-full`. */
  write(at: number, bytes: Bytes): void;
  /** The whole file, readable from now on; nothing can be written after it. */
  finish(): Promise<File>;
  /** Frees what was written, finished or not. */
  discard(): Promise<void>;
}

export interface Staging {
  /** `disk` is the origin private file system; `memory` is the bounded substitute where there is none. */
  readonly kind: 'disk' | 'memory';
  /** Room for a file of `size` bytes. Throws Failure. */
  open(size: number): Promise<Sink>;
}
