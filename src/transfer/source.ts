// Where a sender's bytes come from: picked files, each read once for however many receivers want it at about the same time.

import { sha256, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
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
/**
 * Receivers of one file drift apart, and what is let go of before the last one had it is read again. So whoever is ahead by
 * this gives up a part of their pace: enough for receivers that are about as quick as each other, and nobody is kept back
 * by more than that.
 */
const AHEAD_BYTES = 8 * MiB;
const KEPT_PACE = 0.75;
/** When nothing was asked for in a while, that was nobody's pace. */
const MAX_WAIT_MS = 500;
/** So many blocks say how long one takes: they are asked for a few at a time. */
const TIMED_BLOCKS = 8;
/** A lane may come so much later for its pieces than the others of its receiver. */
const LATE_BYTES = 8 * MiB;

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
  /** Bytes of it that were taken so far, by each receiver. */
  readonly taken: Map<Way, number>;
}

/** How quickly blocks are read that nobody had. */
interface Pace {
  /** What one takes when nobody waits; undefined until that is known. */
  blockMs: number | undefined;
  /** When the last ones were read since somebody waited. */
  readMs: number[];
}

/** One receiver's. */
interface Way {
  /** Where the furthest piece it took ends. */
  at: number;
}

interface Shared {
  readonly reader: BlockReader;
  readonly blockBytes: number;
  readonly blocks: Map<number, Block>;
  readonly ways: Set<Way>;
  readonly pace: Pace;
  /** Whoever wants one of those takes their turn. */
  turn: Promise<void>;
}

/** The files a page is sending. */
export class Sources {
  readonly #files = new Map<number, Shared>();
  readonly #pool = new PiecePool();
  /** What nobody is sending just now. */
  readonly #idle = new Set<Block>();
  #idleBytes = 0;

  /** A way into `file`; the same `id` is the same file, which is then read once for all of its ways. */
  open(id: number, file: Blob): Source {
    const shared = this.#files.get(id) ?? this.#share(id, file);
    const way: Way = { at: 0 };
    shared.ways.add(way);
    return {
      piece: (start, end) => this.#piece(shared, way, start, end),
      check: () => shared.reader.check(),
      close: () => {
        if (shared.ways.delete(way) && shared.ways.size === 0) this.#unshare(id, shared);
      },
    };
  }

  #share(id: number, file: Blob): Shared {
    const blockBytes = Math.max(BLOCK_BYTES, manifestOf(file.size).pieceBytes);
    const reader = new BlockReader(file, blockBytes, this.#pool);
    const shared: Shared = {
      ...{ reader, blockBytes, blocks: new Map(), ways: new Set() },
      ...{ pace: { blockMs: undefined, readMs: [] }, turn: Promise.resolve() },
    };
    this.#files.set(id, shared);
    return shared;
  }

  #unshare(id: number, shared: Shared): void {
    this.#files.delete(id);
    shared.reader.close();
    for (const block of shared.blocks.values()) if (block.leases === 0) this.#drop(block);
  }

  async #piece(shared: Shared, way: Way, start: number, end: number): Promise<SourcePiece> {
    const index = Math.floor(start / shared.blockBytes);
    if (index >= shared.reader.next) await (shared.turn = shared.turn.then(() => waitForOthers(shared, index)));
    if (!shared.ways.has(way)) throw new Failure('internal', 'read after the end');
    way.at = Math.max(way.at, end);
    const block = this.#block(shared, index);
    this.#unrest(block);
    block.leases++;
    block.taken.set(way, (block.taken.get(way) ?? 0) + end - start);
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
    const block: Block = { file: shared, index, length, bytes, hashes: new Map(), leases: 0, taken: new Map() };
    blocks.set(index, block);
    return block;
  }

  #release(block: Block): void {
    block.leases--;
    if (block.leases > 0) return;
    const isCurrent = block.file.blocks.get(block.index) === block;
    if (isCurrent && bytesUntilWanted(block) <= HOT_BYTES) this.#rest(block);
    else this.#drop(block);
  }

  #rest(block: Block): void {
    this.#idle.add(block);
    this.#idleBytes += block.length;
    while (this.#idleBytes > HOT_BYTES) {
      // What is wanted last: the oldest would be what those behind want next, and then the next, and so on.
      const [last] = [...this.#idle].sort((a, b) => bytesUntilWanted(b) - bytesUntilWanted(a));
      if (last) this.#drop(last);
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

/** How far the nearest of those who have not had all of this block is from it; infinite when nobody wants it any more. */
function bytesUntilWanted({ file: { ways, blockBytes }, index, length, taken }: Block): number {
  const start = index * blockBytes;
  const wanting = [...ways].filter((way) => (taken.get(way) ?? 0) < length && way.at < start + length + LATE_BYTES);
  return Math.min(...wanting.map(({ at }) => start - at));
}

/** Before a block that nobody had is read. */
async function waitForOthers({ ways, blockBytes, reader, pace }: Shared, index: number): Promise<void> {
  if (index < reader.next) return;
  const aheadBytes = [...ways].map(({ at }) => index * blockBytes - at);
  const isFollowed = aheadBytes.some((ahead) => ahead > AHEAD_BYTES && ahead <= HOT_BYTES);
  const nowMs = performance.now();
  if (isFollowed && pace.blockMs !== undefined) {
    // From the last one on: a wait that does not delay it is hidden by what was read ahead of the wire.
    const waitMs = (pace.readMs.at(-1) ?? nowMs) + pace.blockMs / KEPT_PACE - nowMs;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, MAX_WAIT_MS)));
    pace.readMs = [performance.now()];
    return;
  }
  pace.readMs.push(nowMs);
  if (pace.readMs.length <= TIMED_BLOCKS) return;
  pace.blockMs = (nowMs - (pace.readMs.shift() ?? nowMs)) / TIMED_BLOCKS;
}
