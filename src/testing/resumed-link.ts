// A link on which files are gone on with: a Sender and a Receiver whose staging has pieces of an earlier session, the lanes
// between them, and every frame that was sent. Frames take random times, in order or not.

import { createHash } from 'node:crypto';
import type { Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { decodeFrame, type Frame } from '../protocol/frames.ts';
import { HASH_BYTES, HashList } from '../protocol/hash-list.ts';
import { manifestOf, pieceLength } from '../transfer/manifest.ts';
import { Receiver } from '../transfer/receiver.ts';
import { Sender } from '../transfer/sender.ts';
import type { LinkConditions } from './memory-link.ts';
import type { Scheduler } from './scheduler.ts';
import { pieceOf } from './source-piece.ts';

export interface ResumedFile {
  readonly stream: number;
  /** What the sender's file has now. */
  readonly content: Bytes;
  /** What it had in the session before: as many bytes. */
  readonly before: Bytes;
  /** The pieces that are held since then. */
  readonly held: readonly number[];
  readonly paused?: boolean;
}

export const sha256Now = (bytes: Uint8Array): Bytes => new Uint8Array(createHash('sha256').update(bytes).digest());

/** The hashes of these pieces of a file; of all of them, if none are named. */
export function hashesOf(content: Bytes, held?: readonly number[]): HashList {
  const manifest = manifestOf(content.length);
  const hashes = new HashList(manifest.pieces);
  for (const piece of held ?? Array(manifest.pieces).keys()) {
    const at = piece * manifest.pieceBytes;
    hashes.set(piece, sha256Now(content.subarray(at, at + pieceLength(manifest, piece))));
  }
  return hashes;
}

/** The same bytes, but for one in each of these pieces. */
export function changedIn(content: Bytes, pieces: readonly number[]): Bytes {
  const changed = content.slice();
  const manifest = manifestOf(content.length);
  for (const piece of pieces) {
    const at = piece * manifest.pieceBytes + pieceLength(manifest, piece) - 1;
    changed[at] = (changed[at] ?? 0) ^ 1;
  }
  return changed;
}

interface Lane {
  readonly close: () => void;
}

export function resumedLink(scheduler: Scheduler, { ordered, maxDelayMs, stepBytes }: Omit<LinkConditions, 'lanes'>) {
  const sent: { lane: number; frame: Frame }[] = [];
  const staged = new Map<number, Bytes>();
  const contents = new Map<number, Bytes>();
  const lanes: Lane[] = [];
  /** Progress, as the sender tells it when a file is named. */
  const sentBytes = new Map<number, number>();
  const later = () => scheduler.upTo(maxDelayMs);

  const wire = (inOrder: boolean) => {
    let lastMs = 0;
    return (arrive: () => void) => {
      const atMs = scheduler.nowMs + later();
      lastMs = inOrder ? Math.max(lastMs, atMs) : atMs;
      scheduler.at(lastMs, arrive);
    };
  };
  const [toGiver, toTaker] = [wire(true), wire(true)];

  // Plain lists: every mock of a test file is kept until its end, and what it closes over with it.
  const served: [stream: number, root: Bytes][] = [];
  const whole: [stream: number, root: Bytes][] = [];
  const bad: Failure[] = [];
  const failed = (_stream: number, failure: Failure) => void bad.push(failure);
  const fault = (failure: Failure) => void bad.push(failure);
  const hash = async (bytes: Bytes) => {
    await scheduler.pause(1);
    return sha256Now(bytes);
  };
  const sender = new Sender({
    read: async (stream, start, end) => {
      await scheduler.pause(2);
      return pieceOf(contents.get(stream)?.subarray(start, end) ?? new Uint8Array(), hash);
    },
    check: () => scheduler.pause(2),
    served: (stream, root) => {
      served.push([stream, root]);
      sentBytes.set(stream, sender.sentBytes(stream));
      toTaker(() => receiver.handleRoot(stream, root));
    },
    ...{ failed, fault },
    after: (ms, then) => scheduler.after(ms, then),
  });
  const receiver = new Receiver({
    now: () => scheduler.nowMs,
    write: async (stream, { at, bytes }) => {
      staged.get(stream)?.set(bytes, at);
      await scheduler.pause(2);
    },
    full: (stream) => failed(stream, new Failure('disk-full')),
    whole: (stream, root) => {
      whole.push([stream, root]);
      toGiver(() => sender.stop(stream));
    },
    ...{ hash, failed, fault },
  });

  function addLane(): void {
    const lane = lanes.length;
    const [toReceiver, toSender] = [wire(ordered), wire(ordered)];
    // As a channel does: the sender uses its memory again.
    const taken = (bytes: Bytes) => {
      const frame = decodeFrame(bytes.slice().buffer);
      // Without the bytes, which nobody looks at and which are many.
      sent.push({
        lane,
        frame: frame.kind === 'data' ? { ...frame, hash: undefined, bytes: new Uint8Array() } : frame,
      });
      return frame;
    };
    const sending = sender.addLane({
      stepBytes,
      send: (bytes) => {
        const frame = taken(bytes);
        if (frame.kind === 'data' || frame.kind === 'differs') toReceiver(() => receiving.handle(frame));
      },
      drained: () => scheduler.pause(1),
    });
    const receiving = receiver.addLane((bytes) => {
      const frame = taken(bytes);
      if (frame.kind === 'request' || frame.kind === 'have') toSender(() => sending.handle(frame));
    });
    lanes.push({
      close: () => {
        scheduler.after(later(), () => sending.close());
        scheduler.after(later(), () => receiving.close());
      },
    });
  }

  function accept({ stream, content, before, held, paused = false }: ResumedFile): void {
    const { pieceBytes } = manifestOf(content.length);
    const room = new Uint8Array(content.length);
    for (const piece of held) {
      const at = piece * pieceBytes;
      room.set(before.subarray(at, at + pieceBytes), at);
    }
    contents.set(stream, content);
    staged.set(stream, room);
    toGiver(() => sender.serve(stream, content.length, true));
    receiver.receive(stream, content.length, { paused, held: hashesOf(before, held) });
  }

  const framesOf = <Kind extends Frame['kind']>(kind: Kind, stream: number) =>
    sent.flatMap(({ frame }) => (isKind(frame, kind) && frame.stream === stream ? [frame] : []));

  return {
    ...{ sender, receiver, sent, staged, sentBytes, served, whole, bad, addLane, accept },
    /** A lane that is not the first is gone; each side learns of it in its own time. */
    closeLane: (lane: number) => lane > 0 && lanes[lane]?.close(),
    framesOf,
    /** The pieces asked for, in order. */
    asked: (stream: number) => framesOf('request', stream).flatMap(({ from, to }) => range(from, to)),
    /** The pieces of which bytes were sent. */
    travelled: (stream: number) => [...new Set(framesOf('data', stream).map(({ piece }) => piece))],
    differing: (stream: number) => framesOf('differs', stream).flatMap(({ pieces }) => pieces),
    /** The pieces told as held, with the lane it was told on. */
    told: (stream: number) =>
      sent.flatMap(({ lane, frame }) => {
        if (frame.kind !== 'have' || frame.stream !== stream) return [];
        const known = new HashList(frame.hashes.length / HASH_BYTES, frame.hashes).known();
        return [...known].map((piece) => ({ lane, piece: frame.from + piece }));
      }),
  };
}

function isKind<Kind extends Frame['kind']>(frame: Frame, kind: Kind): frame is Extract<Frame, { kind: Kind }> {
  return frame.kind === kind;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
