// The binary frames of a lane's data channel (docs/protocol.md §6). A decoder here either returns a checked frame or
// throws Failure('protocol'); it never reads past the end and never copies file bytes.

import { type Bytes } from './bytes.ts';
import { Failure } from './failure.ts';
import { HASH_BYTES } from './hash-list.ts';
import { FRAME_UNIT_BYTES, MAX_FRAME_BYTES, MAX_HAVE_HASHES } from './limits.ts';

const REQUEST = 0x10;
const DATA = 0x11;
const HAVE = 0x12;
const DIFFERS = 0x13;

const STREAM_AT = 1;
const FROM_AT = STREAM_AT + 4;
const TO_AT = FROM_AT + 4;
const REQUEST_BYTES = TO_AT + 4;
const HASHES_AT = FROM_AT + 4;
const PIECES_AT = STREAM_AT + 4;

const PIECE_AT = STREAM_AT + 4;
const OFFSET_AT = PIECE_AT + 4;
export const DATA_HEADER_BYTES = OFFSET_AT + 4;

/** Pieces [from, to) of the file on `stream` are wanted. */
export interface RequestFrame {
  readonly kind: 'request';
  readonly stream: number;
  readonly from: number;
  readonly to: number;
}

/** `bytes` of a piece from `offset` on; with offset 0 comes the SHA-256 of the whole piece. `bytes` and `hash` are views into the frame. */
export interface DataFrame {
  readonly kind: 'data';
  readonly stream: number;
  readonly piece: number;
  readonly offset: number;
  readonly hash: Bytes | undefined;
  readonly bytes: Bytes;
}

/** What the receiver holds of pieces [from, from + hashes / 32) from an earlier session: their SHA-256, zeros for none. */
export interface HaveFrame {
  readonly kind: 'have';
  readonly stream: number;
  readonly from: number;
  readonly hashes: Bytes;
}

/** Of these pieces the sender's file has other bytes than the receiver holds. */
export interface DiffersFrame {
  readonly kind: 'differs';
  readonly stream: number;
  readonly pieces: readonly number[];
}

export type Frame = RequestFrame | DataFrame | HaveFrame | DiffersFrame;

/** A request for pieces [from, to); u32 each, from < to. */
export function encodeRequest(stream: number, from: number, to: number): Bytes {
  const frame = new Uint8Array(REQUEST_BYTES);
  const view = new DataView(frame.buffer);
  view.setUint8(0, REQUEST);
  view.setUint32(STREAM_AT, stream);
  view.setUint32(FROM_AT, from);
  view.setUint32(TO_AT, to);
  return frame;
}

/** What is held of pieces from `from` on: 1 to 1,024 hashes of 32 bytes. */
export function encodeHave(stream: number, from: number, hashes: Uint8Array): Bytes {
  const frame = new Uint8Array(HASHES_AT + hashes.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, HAVE);
  view.setUint32(STREAM_AT, stream);
  view.setUint32(FROM_AT, from);
  frame.set(hashes, HASHES_AT);
  return frame;
}

/** 1 to 1,024 pieces whose bytes are others than the receiver said it holds. */
export function encodeDiffers(stream: number, pieces: readonly number[]): Bytes {
  const frame = new Uint8Array(PIECES_AT + 4 * pieces.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, DIFFERS);
  view.setUint32(STREAM_AT, stream);
  pieces.forEach((piece, i) => view.setUint32(PIECES_AT + 4 * i, piece));
  return frame;
}

/**
 * A part of a piece. `hash` (32 bytes) goes in exactly when offset is 0. The one copy of file bytes on the sending side:
 * into `scratch` when that is given and large enough, so that no frame needs memory of its own.
 */
export function encodeData(
  stream: number,
  piece: number,
  offset: number,
  hash: Uint8Array,
  bytes: Uint8Array,
  scratch?: ArrayBuffer,
): Bytes {
  const bodyAt = DATA_HEADER_BYTES + (offset === 0 ? HASH_BYTES : 0);
  const length = bodyAt + bytes.length;
  const frame = new Uint8Array(scratch && scratch.byteLength >= length ? scratch : new ArrayBuffer(length), 0, length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, DATA);
  view.setUint32(STREAM_AT, stream);
  view.setUint32(PIECE_AT, piece);
  view.setUint32(OFFSET_AT, offset);
  if (offset === 0) frame.set(hash, DATA_HEADER_BYTES);
  frame.set(bytes, bodyAt);
  return frame;
}

/** The largest step (a power of two ≥ 16 KiB) whose frame, header and hash included, fits a message of `maxMessageBytes`. */
export function frameStep(maxMessageBytes: number): number {
  const room = Math.min(maxMessageBytes, MAX_FRAME_BYTES) - DATA_HEADER_BYTES - HASH_BYTES;
  let step = FRAME_UNIT_BYTES;
  while (step * 2 <= room) step *= 2;
  return step;
}

/** Decodes one message of a data channel. Throws Failure('protocol') for everything that is not exactly a known frame. */
export function decodeFrame(message: ArrayBuffer): Frame {
  const length = message.byteLength;
  if (length === 0 || length > MAX_FRAME_BYTES) throw new Failure('protocol', `frame of ${length} bytes`);
  const view = new DataView(message);
  switch (view.getUint8(0)) {
    case REQUEST: {
      if (length !== REQUEST_BYTES) throw new Failure('protocol', 'request of a wrong length');
      const from = view.getUint32(FROM_AT);
      const to = view.getUint32(TO_AT);
      if (from >= to) throw new Failure('protocol', 'request for nothing');
      return { kind: 'request', stream: view.getUint32(STREAM_AT), from, to };
    }
    case DATA: {
      if (length <= DATA_HEADER_BYTES) throw new Failure('protocol', 'data frame without data');
      const offset = view.getUint32(OFFSET_AT);
      const bodyAt = DATA_HEADER_BYTES + (offset === 0 ? HASH_BYTES : 0);
      if (length <= bodyAt) throw new Failure('protocol', 'data frame without data');
      return {
        kind: 'data',
        stream: view.getUint32(STREAM_AT),
        piece: view.getUint32(PIECE_AT),
        offset,
        hash: offset === 0 ? new Uint8Array(message, DATA_HEADER_BYTES, HASH_BYTES) : undefined,
        bytes: new Uint8Array(message, bodyAt),
      };
    }
    case HAVE: {
      const count = (length - HASHES_AT) / HASH_BYTES;
      if (!isCount(count)) throw new Failure('protocol', 'have of a wrong length');
      return {
        kind: 'have',
        stream: view.getUint32(STREAM_AT),
        from: view.getUint32(FROM_AT),
        hashes: new Uint8Array(message, HASHES_AT),
      };
    }
    case DIFFERS: {
      const count = (length - PIECES_AT) / 4;
      if (!isCount(count)) throw new Failure('protocol', 'differs of a wrong length');
      return {
        kind: 'differs',
        stream: view.getUint32(STREAM_AT),
        pieces: Array.from({ length: count }, (_, i) => view.getUint32(PIECES_AT + 4 * i)),
      };
    }
    default:
      throw new Failure('protocol', 'unknown frame');
  }
}

function isCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= MAX_HAVE_HASHES;
}
