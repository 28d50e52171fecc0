// Where a sender's bytes come from: picked files, each read once for however many receivers want it at about the same time.

import { sha256, type Bytes } from '../protocol/bytes.ts';
import { MiB } from '../protocol/limits.ts';
import { BlockReader } from './block-reader.ts';
import { manifestOf } from './manifest.ts';
import { PiecePool } from './pieces.ts';
import type { SourcePiece } from './sending-lane.ts';

/** Lanes ask for pieces in nearly the order of the file: within a block it does not matter. */
const BLOCK_BYTES = 2 * MiB;
/** A block asked for so far ahead of the others is read after those between, which are asked for in a moment. */
const NEAR_BLOCKS = 2;
/** Kept of what nobody is sending just now, for receivers that are a little behind: of all files together. */
const HOT_BYTES = 24 * MiB;

/** One receiver's way into a picked file. */
export interface Source {
  /** Bytes [start, end) of the file, one piece of it. Throws Failure `file-changed`, `file-unreadable`. */
  piece(start: number, end: number): Promise<SourcePiece>;
  /** Whether all that was read so far is of the file that was picked. Throws Failure as `piece` does. */
  check(): Promise<void>;
  close(): void;
}

interface Block {
  readonly file: Shared;
  readonly index: number;
  readonly length: number;
  readonly bytes: Promise<Bytes>;
  /** By where the piece begins. */
  readonly hashes: Map<number, Promise<Bytes>>;
  /** Pieces taken of it and not released. */
  leases: number;
  /** Bytes of it that were taken so far, by all receivers together. */
  taken: number;
}

interface Shared {
  readonly reader: BlockReader;
  readonly blockBytes: number;
  readonly blocks: Map<number, Block>;
  users: number;
}

/** The files a page is sending. */
export class Sources {
  readonly #files = new Map<number, Shared>();
  readonly #pool = new PiecePool();
  /** What nobody is sending just now, the longest untouched first. */
  readonly #idle = new Set<Block>();
  #idleBytes = 0;

  /** A way into `file`; the same `id` is the same file, which is then read once for all of its ways. */
  open(id: number, file: Blob): Source {
    const shared = this.#files.get(id) ?? this.#share(id, file);
    shared.users++;
    let isOpen = true;
    return {
      piece: (start, end) => this.#piece(shared, start, end),
      check: () => shared.reader.check(),
      close: () => {
        if (isOpen && --shared.users === 0) this.#unshare(id, shared);
        isOpen = false;
      },
    };
  }

  #share(id: number, file: Blob): Shared {
    const blockBytes = Math.max(BLOCK_BYTES, manifestOf(file.size).pieceBytes);
    const reader = new BlockReader(file, blockBytes, this.#pool);
    const shared: Shared = { reader, blockBytes, blocks: new Map(), users: 0 };
    this.#files.set(id, shared);
    return shared;
  }

  #unshare(id: number, shared: Shared): void {
    this.#files.delete(id);
    shared.reader.close();
    for (const block of shared.blocks.values()) if (block.leases === 0) this.#drop(block);
  }

  async #piece(shared: Shared, start: number, end: number): Promise<SourcePiece> {
    const block = this.#block(shared, Math.floor(start / shared.blockBytes));
    this.#unrest(block);
    block.leases++;
    block.taken += end - start;
    let isLeased = true;
    const release = () => {
      if (isLeased) this.#release(block);
      isLeased = false;
    };
    try {
      const at = start - block.index * shared.blockBytes;
      const bytes = (await block.bytes).subarray(at, at + end - start);
      let hash = block.hashes.get(start);
      if (!hash) block.hashes.set(start, (hash = sha256(bytes)));
      return { bytes, hash: await hash, release };
    } catch (error) {
      // It may be readable the next time it is asked for.
      if (shared.blocks.get(block.index) === block) shared.blocks.delete(block.index);
      release();
      throw error;
    }
  }

  #block(shared: Shared, index: number): Block {
    const { reader, blocks } = shared;
    const from = index - reader.next <= NEAR_BLOCKS ? reader.next : index;
    for (let between = from; between < index; between++) this.#rest(this.#read(shared, between));
    return blocks.get(index) ?? this.#read(shared, index);
  }

  #read(shared: Shared, index: number): Block {
    const { reader, blocks } = shared;
    const length = reader.lengthOf(index);
    const bytes = reader.read(index);
    // Whoever takes a piece of it is told; a block read on the way may have nobody who does.
    bytes.catch(() => undefined);
    const block: Block = { file: shared, index, length, bytes, hashes: new Map(), leases: 0, taken: 0 };
    blocks.set(index, block);
    return block;
  }

  #release(block: Block): void {
    block.leases--;
    if (block.leases > 0) return;
    const { users, blocks } = block.file;
    if (block.taken < users * block.length && blocks.get(block.index) === block) this.#rest(block);
    else this.#drop(block);
  }

  #rest(block: Block): void {
    this.#idle.add(block);
    this.#idleBytes += block.length;
    for (const oldest of this.#idle) {
      if (this.#idleBytes <= HOT_BYTES) return;
      this.#drop(oldest);
    }
  }

  #unrest(block: Block): void {
    if (this.#idle.delete(block)) this.#idleBytes -= block.length;
  }

  /** Its memory is used for the next one. */
  #drop(block: Block): void {
    this.#unrest(block);
    if (block.file.blocks.get(block.index) === block) block.file.blocks.delete(block.index);
    block.bytes.then(
      (bytes) => this.#pool.giveBack(bytes),
      () => undefined,
    );
  }
}
