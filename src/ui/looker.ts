// Looks for secrets in what is about to be offered: the first 64 KiB of text files up to 1 MiB, a few at a time, and
// between two files the page answers. What cannot be read holds nothing that could be sent either.

import { mayHoldText } from '../safety/file-type.ts';
import { LOOKED_BYTES, MAX_LOOKED_FILE_BYTES, secretOf } from '../safety/secret-content.ts';
import { secretByPath, type SecretKind } from '../safety/secrets.ts';
import { sniff } from '../safety/signatures.ts';
import type { PickedFile } from '../room/outgoing.ts';

const AT_A_TIME = 8;
/** The review is drawn again for what was found no more often than this. */
const TELL_MS = 200;

/** What is secret in each file that was looked into, if anything; by its place in the review. */
export type Findings = ReadonlyMap<number, SecretKind | undefined>;

/** Whether looking into a file could say more than its name did. */
export function isWorthALook({ file, path }: PickedFile): boolean {
  if (file.size === 0 || file.size > MAX_LOOKED_FILE_BYTES) return false;
  return mayHoldText(path.slice(path.lastIndexOf('/') + 1)) || secretByPath(path) === 'private-key-name';
}

async function lookInto({ file, path }: PickedFile): Promise<SecretKind | undefined> {
  const named = secretByPath(path);
  try {
    const head = new Uint8Array(await file.slice(0, LOOKED_BYTES).arrayBuffer());
    const text = textOf(head);
    if (text !== undefined) return secretOf(path, text);
    // Keynote's documents end in .key as well, and are ZIP archives.
    return named === 'private-key-name' && sniff(head)?.fits.has('key') ? undefined : named;
  } catch {
    return named;
  }
}

/** Text of the first bytes of a file; `undefined` when they are none. */
function textOf(head: Uint8Array<ArrayBuffer>): string | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return new TextDecoder('utf-16le').decode(head);
  if (head[0] === 0xfe && head[1] === 0xff) return new TextDecoder('utf-16be').decode(head);
  // No text has a zero byte, and hardly anything else goes long without one.
  return head.includes(0) ? undefined : new TextDecoder().decode(head);
}

export class Looker {
  #waiting: (readonly [index: number, picked: PickedFile])[] = [];
  #running = 0;
  #found = new Map<number, SecretKind | undefined>();
  #toldMs = 0;
  readonly #tell: (found: Findings) => void;

  /** `tell` hears of every file that was looked into, once. */
  constructor(tell: (found: Findings) => void) {
    this.#tell = tell;
  }

  look(files: readonly (readonly [index: number, picked: PickedFile])[]): void {
    this.#waiting.push(...files);
    while (this.#running < AT_A_TIME && this.#waiting.length) void this.#run();
  }

  /** Nobody wants to know any more. */
  stop(): void {
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    this.#running++;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const [index, picked] = next;
      const found = await lookInto(picked);
      // Not in one line with the wait: what is gathered may have been told meanwhile, and another map begun.
      this.#found.set(index, found);
      this.#say(false);
    }
    this.#running--;
    if (this.#running === 0) this.#say(true);
  }

  #say(isOver: boolean): void {
    const nowMs = performance.now();
    if (!this.#found.size || (!isOver && nowMs - this.#toldMs < TELL_MS)) return;
    this.#toldMs = nowMs;
    const found = this.#found;
    this.#found = new Map();
    this.#tell(found);
  }
}
