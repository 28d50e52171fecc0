// The bodies of sealed signals (docs/protocol.md §2): what one browser tells the other to bring a connection about.
// Of a dial exactly one offer, one answer and 32 candidates are taken; simple-peer never sees any other kind.

import * as v from 'valibot';
import { fromUtf8, utf8, type Bytes } from './bytes.ts';
import { personName } from './person-name.ts';
import { MAX_CANDIDATE_BYTES, MAX_CANDIDATES_PER_DIAL, MAX_SIGNAL_BODY_BYTES } from './limits.ts';

const candidate = v.strictObject({
  candidate: v.pipe(v.string(), v.maxLength(MAX_CANDIDATE_BYTES), v.regex(/^candidate:[\x20-\x7e]+$/)),
  sdpMid: v.nullable(v.pipe(v.string(), v.maxLength(16))),
  sdpMLineIndex: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(7))),
});
const sdp = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_SIGNAL_BODY_BYTES));

export const dialSignal = v.variant('kind', [
  v.strictObject({ kind: v.literal('offer'), sdp }),
  v.strictObject({ kind: v.literal('answer'), sdp }),
  v.strictObject({
    kind: v.literal('candidates'),
    candidates: v.pipe(v.array(candidate), v.minLength(1), v.maxLength(MAX_CANDIDATES_PER_DIAL)),
  }),
]);

/** What a sealed box may say besides: is the host here; and the host's answer, with the name on the door. */
const boxBody = v.variant('kind', [
  dialSignal,
  v.strictObject({ kind: v.literal('ring') }),
  v.strictObject({ kind: v.literal('door'), name: personName }),
]);

export type BoxBody = v.InferOutput<typeof boxBody>;
export type DialSignal = v.InferOutput<typeof dialSignal>;
export type Candidate = v.InferOutput<typeof candidate>;

/** UTF-8 JSON of what a box says. */
export function encodeBoxBody(signal: BoxBody): Bytes {
  return utf8(JSON.stringify(signal));
}

/** What a box says, checked, or undefined: boxes come from anyone who has the link, and a bad one is dropped, not punished. */
export function decodeBoxBody(body: Bytes): BoxBody | undefined {
  try {
    const result = v.safeParse(boxBody, JSON.parse(fromUtf8(body) ?? ''), { abortEarly: true });
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
