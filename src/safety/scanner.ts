// What can be found out about a verified file by reading it, before it may be saved. Pure; who reads is elsewhere.

/** Something that looks for harm in files. */
export interface Scanner {
  /** Whether a file of so many bytes is worth its time. */
  readonly wants: (size: number) => boolean;
  /** Begins with one file of so many bytes. */
  readonly begin: (size: number) => Scan;
}

/** One look through one file. */
export interface Scan {
  /** Its next bytes, front to back. */
  readonly add: (bytes: Uint8Array) => void;
  /** After the last: what was found, as a sentence for a person; undefined when nothing was. */
  readonly end: () => string | undefined;
}
