// What the property tests draw from: bytes, ids and messages as they should be, and the same ones spoilt.

import fc from 'fast-check';
import { toBase64url, type Bytes } from '../protocol/bytes.ts';
import { fileFailureCodes } from '../protocol/failure.ts';
import { MAX_FILE_BYTES } from '../protocol/limits.ts';
import { turnedAwayCodes, type OfferedFile, type SignedMessage, type UnsignedMessage } from '../protocol/messages.ts';

/** Every decoder faces this many cases of each kind. */
export const decoderRuns = { numRuns: 10_000 };

export const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ minLength, maxLength }).map((drawn) => new Uint8Array(drawn));

/** base64url of exactly `length` bytes. */
export const base64urlOf = (length: number): fc.Arbitrary<string> => bytes(length).map(toBase64url);

export const id = base64urlOf(16);
const hash = base64urlOf(32);
export const u32 = fc.nat(0xffff_ffff);
const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const fileIds = fc.array(id, { minLength: 1, maxLength: 4 });

const anyFile: fc.Arbitrary<OfferedFile> = fc.record({
  fileId: id,
  path: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  size: fc.nat(MAX_FILE_BYTES),
  type: text(20),
  modified: fc.maxSafeInteger(),
});
const snippet: fc.Arbitrary<OfferedFile> = fc.record({
  fileId: id,
  path: fc.constant('Text'),
  size: fc.nat(64 * 1024),
  type: fc.constant('text/plain'),
  modified: fc.maxSafeInteger(),
  snippet: fc.constant(true as const),
});
const rooted = fc.array(fc.record({ fileId: id, root: hash }), { minLength: 1, maxLength: 4 });

export const signedMessage: fc.Arbitrary<SignedMessage> = fc.oneof(
  fc.record({
    type: fc.constant('offer' as const),
    offerId: id,
    batch: id,
    files: fc.array(fc.oneof(anyFile, snippet), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant('accept' as const),
    offers: fc.array(
      fc.record({ hash, files: fc.array(fc.record({ fileId: id, stream: u32 }), { minLength: 1, maxLength: 3 }) }),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  fc.record({ type: fc.constantFrom('done' as const, 'verified' as const), files: rooted }),
);

export const unsignedMessage: fc.Arbitrary<UnsignedMessage> = fc.oneof(
  fc.record({ type: fc.constantFrom('withdraw', 'decline', 'cancel', 'pause', 'resume'), fileIds }),
  fc.record({ type: fc.constant('failed' as const), fileIds, code: fc.constantFrom(...fileFailureCodes) }),
  fc.record({ type: fc.constant('hello' as const), rosterRev: fc.maxSafeNat() }),
  fc.record({ type: fc.constant('roster' as const), signed: bytes(0, 200).map(toBase64url) }),
  fc.record({ type: fc.constant('knock' as const), name: fc.string({ unit: 'grapheme', maxLength: 20 }), peerId: id }),
  fc.record({ type: fc.constant('turned-away' as const), code: fc.constantFrom(...turnedAwayCodes) }),
  fc.record({
    type: fc.constant('lane' as const),
    dial: id,
    signal: fc.oneof(
      fc.constant({ kind: 'ready' as const }),
      fc.record({ kind: fc.constantFrom('offer' as const, 'answer' as const), sdp: fc.constant('v=0') }),
    ),
  }),
  fc.record({ type: fc.constant('relay' as const), to: id, from: id, box: bytes(1, 60).map(toBase64url) }),
  fc.constant({ type: 'bye' as const }),
);

type Edit<T> = (whole: readonly T[]) => T[];

/** One to four small accidents: an item changed, lost, doubled, put in, or everything after it cut off. */
function accidents<T>(item: fc.Arbitrary<T>): fc.Arbitrary<Edit<T>> {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const one = fc
    .tuple(fc.constantFrom('change', 'lose', 'double', 'insert', 'cut'), place, item)
    .map(([kind, where, drawn]): Edit<T> => (whole) => {
      const at = Math.floor(where * whole.length);
      const [before, after] = [whole.slice(0, at), whole.slice(at + 1)];
      const here = whole.slice(at, at + 1);
      const middle = { change: [drawn], lose: [], double: [...here, ...here], insert: [drawn, ...here], cut: [] }[kind];
      return [...before, ...middle, ...(kind === 'cut' ? [] : after)];
    });
  return fc.array(one, { minLength: 1, maxLength: 4 }).map((edits) => (whole) => {
    return edits.reduce<readonly T[]>((spoilt, edit) => edit(spoilt), whole).slice();
  });
}

/** Valid bytes after an accident. */
export const spoiltBytes = (valid: fc.Arbitrary<Bytes>): fc.Arbitrary<Bytes> =>
  fc.tuple(valid, accidents(fc.nat(255))).map(([whole, edit]) => new Uint8Array(edit([...whole])));

/** Valid text after an accident to its UTF-16 units: surrogates may be torn apart. */
export const spoiltText = (valid: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(valid, accidents(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })))
    .map(([whole, edit]) => edit(whole.split('')).join(''));

/** Values no schema means, as JSON spells them. */
const nastyJson = [
  ...['null', 'true', '[]', '{}', '""', '"\\ud800"', '"\\u0000"', '"__proto__"', '"=="', '[[[[[[]]]]]]'],
  ...['-1', '-0', '0.5', '1e309', '-1e309', '9007199254740992', '4294967296', 'NaN', 'undefined', '01'],
];
/** Keys an object may seem to have, or must not have. */
const nastyKeys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', 'then', 'type', 'extra', ''];

/** The JSON of `value` with the part at place `at` (counted depth first) swapped for `put`, or given a further key. */
function meddle(value: unknown, at: number, put: string, key: string | undefined): string {
  let place = 0;
  const write = (part: unknown): string => {
    const here = place++ === at;
    if (here && key === undefined) return put;
    if (Array.isArray(part)) return `[${part.map(write).join()}]`;
    if (typeof part !== 'object' || part === null) return JSON.stringify(part);
    const fields = Object.entries(part).map(([name, field]) => `${JSON.stringify(name)}:${write(field)}`);
    if (here) fields.push(`${JSON.stringify(key)}:${put}`);
    return `{${fields.join()}}`;
  };
  return write(value);
}

/** JSON of a valid value with one part of the wrong kind, or one key too many. */
export const meddledJson = (valid: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc
    .tuple(
      valid,
      fc.nat(20),
      fc.constantFrom(...nastyJson),
      fc.option(fc.constantFrom(...nastyKeys), { nil: undefined }),
    )
    .map(([value, at, put, key]) => meddle(value, at, put, key));

/** Texts that are neither JSON nor harmless, and JSON that means nothing here. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.json(),
  fc.constantFrom(...nastyJson),
);

/** JSON so deep that a careless parser runs out of stack. */
export const deepJson = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
