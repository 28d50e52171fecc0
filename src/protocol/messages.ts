// The messages of the control channel (docs/protocol.md §5). Unsigned ones are JSON text; signed ones are
// `type u8 ‖ sig[64] ‖ JSON bytes`, and the bytes as sent are what is signed and hashed. Schemas are strict: an unknown
// type or key is a protocol failure, and what comes out is built afresh from checked values.

import * as v from 'valibot';
import { type Bytes, concat, fromBase64url, fromUtf8, sha256, utf8 } from './bytes.ts';
import { dialSignal } from './dial-signal.ts';
import { Failure, fileFailureCodes } from './failure.ts';
import { personName } from './person-name.ts';
import {
  MAX_BOX_BYTES,
  MAX_CONTROL_BYTES,
  MAX_FILE_BYTES,
  MAX_FILES_PER_MESSAGE,
  MAX_OFFERS_PER_PEER,
  MAX_PATH_CHARS,
  MAX_ROSTER_BYTES,
  MAX_SNIPPET_BYTES,
  MAX_TYPE_CHARS,
} from './limits.ts';

export const SIGNATURE_BYTES = 64;
const SIGNED_HEADER_BYTES = 1 + SIGNATURE_BYTES;

/** base64url of exactly `length` bytes, in its one canonical spelling. */
const bytesOf = (length: number) =>
  v.pipe(
    v.string(),
    v.length(Math.ceil((length * 4) / 3)),
    v.check((text) => fromBase64url(text)?.length === length, 'not canonical base64url'),
  );
const wellFormed = (maxChars: number) =>
  v.pipe(
    v.string(),
    v.maxLength(maxChars),
    v.check((text) => text.isWellFormed(), 'lone surrogate'),
  );

const id = bytesOf(16);
const hash = bytesOf(32);
const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const listOf = <T extends v.GenericSchema>(item: T, max: number) =>
  v.pipe(v.array(item), v.minLength(1), v.maxLength(max));
const fileIds = listOf(id, MAX_FILES_PER_MESSAGE);

const offeredFile = v.pipe(
  v.strictObject({
    fileId: id,
    path: v.pipe(wellFormed(MAX_PATH_CHARS), v.minLength(1)),
    size: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_FILE_BYTES)),
    type: wellFormed(MAX_TYPE_CHARS),
    modified: v.pipe(v.number(), v.safeInteger()),
    snippet: v.exactOptional(v.literal(true)),
  }),
  v.check((file) => !file.snippet || (file.size <= MAX_SNIPPET_BYTES && file.type === 'text/plain'), 'not a snippet'),
);

const rooted = v.strictObject({ files: listOf(v.strictObject({ fileId: id, root: hash }), 512) });

const signedSchemas = {
  offer: v.strictObject({ offerId: id, batch: id, files: listOf(offeredFile, MAX_FILES_PER_MESSAGE) }),
  accept: v.strictObject({
    offers: listOf(
      v.strictObject({
        hash,
        files: listOf(
          v.strictObject({ fileId: id, stream: u32, resume: v.exactOptional(v.literal(true)) }),
          MAX_FILES_PER_MESSAGE,
        ),
      }),
      MAX_OFFERS_PER_PEER,
    ),
  }),
  done: rooted,
  verified: rooted,
} as const;

/** Why a knock was turned away. */
export const turnedAwayCodes = ['declined', 'removed', 'locked', 'expired', 'busy'] as const;

const unsignedSchema = v.variant('type', [
  v.strictObject({ type: v.literal('hello'), rosterRev: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) }),
  v.strictObject({
    type: v.literal('roster'),
    signed: v.pipe(
      v.string(),
      v.maxLength(Math.ceil((MAX_ROSTER_BYTES * 4) / 3)),
      v.check((text) => fromBase64url(text) !== undefined, 'not canonical base64url'),
    ),
  }),
  v.strictObject({ type: v.literal('knock'), name: personName, peerId: id }),
  v.strictObject({ type: v.literal('admit') }),
  v.strictObject({ type: v.literal('turned-away'), code: v.picklist(turnedAwayCodes) }),
  v.strictObject({ type: v.literal('withdraw'), fileIds }),
  v.strictObject({ type: v.literal('decline'), fileIds }),
  v.strictObject({ type: v.literal('cancel'), fileIds }),
  v.strictObject({ type: v.literal('pause'), fileIds }),
  v.strictObject({ type: v.literal('resume'), fileIds }),
  v.strictObject({ type: v.literal('failed'), fileIds, code: v.picklist(fileFailureCodes) }),
  v.strictObject({
    type: v.literal('lane'),
    dial: id,
    signal: v.variant('kind', [dialSignal, v.strictObject({ kind: v.literal('ready') })]),
  }),
  v.strictObject({
    type: v.literal('relay'),
    to: id,
    from: id,
    box: v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength((MAX_BOX_BYTES * 4) / 3),
      v.check((text) => fromBase64url(text) !== undefined, 'not canonical base64url'),
    ),
  }),
  v.strictObject({ type: v.literal('bye') }),
]);

export type OfferedFile = v.InferOutput<typeof offeredFile>;
export type SignedType = keyof typeof signedSchemas;
export type SignedMessage = {
  [T in SignedType]: { readonly type: T } & v.InferOutput<(typeof signedSchemas)[T]>;
}[SignedType];
export type UnsignedMessage = v.InferOutput<typeof unsignedSchema>;
export type Message = SignedMessage | UnsignedMessage;
export type MessageOf<T extends Message['type']> = Extract<Message, { type: T }>;

const TYPE_BYTES = { offer: 0x20, accept: 0x21, done: 0x22, verified: 0x23 } as const satisfies Record<
  SignedType,
  number
>;
const TYPES = new Map<number, SignedType>(Object.entries(TYPE_BYTES).map(([type, byte]) => [byte, type as SignedType]));

/** What may be said on a link before its two ends are known to be members of the room. */
const GREETINGS: ReadonlySet<Message['type']> = new Set([
  'hello',
  'roster',
  'knock',
  'admit',
  'turned-away',
  'bye',
] satisfies Message['type'][]);

export function isGreeting(message: Message): boolean {
  return GREETINGS.has(message.type);
}

/** Whether this message carries a signature. */
export function isSigned(message: Message): message is SignedMessage {
  return message.type in TYPE_BYTES;
}

/** The JSON bytes of a signed message: what is signed, hashed and sent. */
export function signedJson({ type: _type, ...fields }: SignedMessage): Bytes {
  return utf8(JSON.stringify(fields));
}

/** offerHash = SHA-256(th ‖ JSON bytes), 32 bytes: names one offer in one session. */
export function offerHash(th: Bytes, json: Bytes): Promise<Bytes> {
  return sha256(concat(th, json));
}

/** A signed message as sent. Throws Failure('protocol') over 64 KiB: the caller splits. */
export function encodeSigned(type: SignedType, signature: Bytes, json: Bytes): Bytes {
  if (SIGNED_HEADER_BYTES + json.length > MAX_CONTROL_BYTES) throw new Failure('protocol', `${type} too long to send`);
  return concat(new Uint8Array([TYPE_BYTES[type]]), signature, json);
}

/** An unsigned message as sent. */
export function encodeUnsigned(message: UnsignedMessage): string {
  const text = JSON.stringify(message);
  if (text.length > MAX_CONTROL_BYTES) throw new Failure('protocol', `${message.type} too long to send`);
  return text;
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    throw new Failure('protocol', 'not JSON');
  }
}

function check<T extends v.GenericSchema>(schema: T, value: unknown): v.InferOutput<T> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw new Failure('protocol', result.issues[0].message);
  return result.output;
}

/** Parses an unsigned message. Throws Failure('protocol'). */
export function decodeUnsigned(text: string): UnsignedMessage {
  // A UTF-16 unit is at least one byte of UTF-8, so this bound is the generous side of the byte limit.
  if (text.length > MAX_CONTROL_BYTES) throw new Failure('protocol', 'message too long');
  return check(unsignedSchema, parseJson(text));
}

/** A signed message with the bytes its signature is over; whether that signature holds is the link's to say. */
export interface SignedEnvelope {
  readonly message: SignedMessage;
  readonly signature: Bytes;
  readonly json: Bytes;
}

/** Parses a signed message without judging the signature. Throws Failure('protocol'). */
export function decodeSigned(bytes: Bytes): SignedEnvelope {
  if (bytes.length > MAX_CONTROL_BYTES) throw new Failure('protocol', 'message too long');
  const type = TYPES.get(bytes[0] ?? 0);
  if (!type || bytes.length <= SIGNED_HEADER_BYTES) throw new Failure('protocol', 'unknown message');
  const json = bytes.slice(SIGNED_HEADER_BYTES);
  const fields = check(signedSchemas[type], parseJson(fromUtf8(json)));
  const message = { type, ...fields } as SignedMessage;
  return { message, signature: bytes.slice(1, SIGNED_HEADER_BYTES), json };
}
