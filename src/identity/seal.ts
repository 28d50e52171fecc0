// Sealed boxes (docs/protocol.md §2): how signals cross a carrier that is trusted with nothing. Sealing keeps servers
// out; whoever has the link can open and make boxes, and nothing that matters rests on them.

import nacl from 'tweetnacl';
import { concat, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MAX_SIGNAL_BODY_BYTES, SIGNAL_PAD_BYTES } from '../protocol/limits.ts';

const VERSION = 1;
const ID_BYTES = 16;
const FROM_AT = 1;
const TO_AT = FROM_AT + ID_BYTES;
const DIAL_AT = TO_AT + ID_BYTES;
const SEQ_AT = DIAL_AT + ID_BYTES;
const LENGTH_AT = SEQ_AT + 4;
const BODY_AT = LENGTH_AT + 2;

/** One signal: who to whom (16-byte peer ids), of which dial (16 bytes), its place in it (u32), and what it says. */
export interface Signal {
  readonly from: Bytes;
  readonly to: Bytes;
  readonly dial: Bytes;
  readonly seq: number;
  readonly body: Bytes;
}

/** nonce[24] ‖ secretbox of the signal, zero-padded to a multiple of 256 bytes. Throws Failure('internal') over 8 KiB. */
export function sealSignal(key: Bytes, signal: Signal): Bytes {
  if (signal.body.length > MAX_SIGNAL_BODY_BYTES) throw new Failure('internal', 'signal too long');
  const plain = new Uint8Array(Math.ceil((BODY_AT + signal.body.length) / SIGNAL_PAD_BYTES) * SIGNAL_PAD_BYTES);
  const view = new DataView(plain.buffer);
  plain[0] = VERSION;
  plain.set(signal.from, FROM_AT);
  plain.set(signal.to, TO_AT);
  plain.set(signal.dial, DIAL_AT);
  view.setUint32(SEQ_AT, signal.seq);
  view.setUint16(LENGTH_AT, signal.body.length);
  plain.set(signal.body, BODY_AT);
  const nonce = nacl.randomBytes(nacl.secretbox.nonceLength);
  return concat(nonce, nacl.secretbox(plain, nonce, key));
}

/** The signal in a box; undefined when the box was not made with this key or does not hold exactly one signal. */
export function openSignal(key: Bytes, box: Bytes): Signal | undefined {
  const { nonceLength, overheadLength } = nacl.secretbox;
  if (box.length < nonceLength + overheadLength + BODY_AT) return undefined;
  const opened = nacl.secretbox.open(box.subarray(nonceLength), box.subarray(0, nonceLength), key);
  if (!opened || opened[0] !== VERSION || opened.length % SIGNAL_PAD_BYTES !== 0) return undefined;
  const plain = new Uint8Array(opened);
  const view = new DataView(plain.buffer);
  const end = BODY_AT + view.getUint16(LENGTH_AT);
  if (end > plain.length || end - BODY_AT > MAX_SIGNAL_BODY_BYTES) return undefined;
  return {
    from: plain.slice(FROM_AT, TO_AT),
    to: plain.slice(TO_AT, DIAL_AT),
    dial: plain.slice(DIAL_AT, SEQ_AT),
    seq: view.getUint32(SEQ_AT),
    body: plain.slice(BODY_AT, end),
  };
}
