// What the signaling server and its clients say to each other (docs/protocol.md §2): JSON text over one WebSocket.
// The server imports this file and no other of src/. It sees room ids, peer ids and sealed boxes, and nothing else.

import * as v from 'valibot';

/** Longest message either way, in bytes; the server's maxPayload. A padded 8 KiB body in base64url fits with room. */
export const MAX_MESSAGE_BYTES = 16 * 1024;
export const SIGNAL_PATH = '/signal';
export const MAX_PEERS = 8;

/** base64url of 16 bytes: 22 characters, the last of which carries two bits. */
const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{21}[AQgw]$/));
const box = v.pipe(v.string(), v.minLength(1), v.maxLength(12 * 1024), v.regex(/^[A-Za-z0-9_-]+$/));

/**
 * `token` makes a peer id its owner's: the same id is taken over only with the same token. `door` is the room's door secret,
 * or becomes it.
 */
const joinSchema = v.strictObject({
  type: v.literal('join'),
  room: id,
  peer: id,
  token: id,
  door: v.exactOptional(id),
});
const sendSchema = v.strictObject({ type: v.literal('send'), to: id, box });
const closeDoorSchema = v.strictObject({ type: v.literal('close-door'), closed: v.boolean() });
const dropSchema = v.strictObject({ type: v.literal('drop'), peer: id });
export const fromClientSchema = v.variant('type', [joinSchema, sendSchema, closeDoorSchema, dropSchema]);

/** Why the server refuses and closes: for good, as far as this room and peer id go. */
export const finalRefusals = [
  'bad-message',
  'other-origin',
  'room-full',
  'room-expired',
  'door-closed',
  'seat-taken',
  'replaced',
  'dropped',
] as const;
/** Why the server refuses and closes for now: whoever comes back later may be let in. */
export const passingRefusals = [
  'too-many-sockets',
  'too-many-joins',
  'too-many-rooms',
  'too-fast',
  'slow',
  'server-full',
  'unavailable',
] as const;
export const refusals = [...finalRefusals, ...passingRefusals] as const;

/** What there may be of STUN URLs, and of TURN URLs. */
export const MAX_ICE_URLS = 8;
const MAX_ICE_URL_CHARS = 256;
/** RFC 7064 and 7065, and no user information, path or unknown parameter: browsers throw at what they cannot parse. */
const HOST = String.raw`(?:[A-Za-z\d](?:[A-Za-z\d-]*[A-Za-z\d])?(?:\.[A-Za-z\d](?:[A-Za-z\d-]*[A-Za-z\d])?)*|\[[\dA-Fa-f:.]{2,45}\])`;
const PORT = String.raw`(?::(?:[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]|[1-9]\d{0,3}))?`;
const iceUrl = (pattern: string) =>
  v.pipe(v.string(), v.maxLength(MAX_ICE_URL_CHARS), v.regex(new RegExp(`^${pattern}$`)));
const stunUrl = iceUrl(`stun:${HOST}${PORT}`);
const turnUrl = iceUrl(String.raw`turns?:${HOST}${PORT}(?:\?transport=(?:udp|tcp))?`);
const credential = v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,128}$/));
const iceSchema = v.strictObject({
  stun: v.pipe(v.array(stunUrl), v.maxLength(MAX_ICE_URLS)),
  turn: v.exactOptional(
    v.strictObject({
      urls: v.pipe(v.array(turnUrl), v.minLength(1), v.maxLength(MAX_ICE_URLS)),
      username: credential,
      credential,
    }),
  ),
});

/** `ice` in `joined` is left out by a server that has none to name; later, credentials come anew before they expire. */
export const fromServerSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('joined'),
    peers: v.pipe(v.array(id), v.maxLength(64)),
    ice: v.exactOptional(iceSchema),
  }),
  v.strictObject({ type: v.literal('ice'), ice: iceSchema }),
  v.strictObject({ type: v.literal('arrived'), peer: id }),
  v.strictObject({ type: v.literal('left'), peer: id }),
  v.strictObject({ type: v.literal('box'), from: id, box }),
  v.strictObject({ type: v.literal('refused'), code: v.picklist(refusals) }),
]);

export type FinalRefusal = (typeof finalRefusals)[number];
export type PassingRefusal = (typeof passingRefusals)[number];
export type Refusal = (typeof refusals)[number];
export type FromClient = v.InferOutput<typeof fromClientSchema>;
export type FromServer = v.InferOutput<typeof fromServerSchema>;
/** The STUN and TURN servers a client may use, with credentials for an hour. */
export type Ice = v.InferOutput<typeof iceSchema>;

/** A checked message built afresh, or undefined for anything else. */
function parse<T extends v.GenericSchema>(schema: T, text: string): v.InferOutput<T> | undefined {
  if (text.length > MAX_MESSAGE_BYTES) return undefined;
  try {
    const result = v.safeParse(schema, JSON.parse(text), { abortEarly: true });
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** What a client sent, or undefined. */
export function parseFromClient(text: string): FromClient | undefined {
  return parse(fromClientSchema, text);
}

/** What the server sent, or undefined. */
export function parseFromServer(text: string): FromServer | undefined {
  return parse(fromServerSchema, text);
}

export function isStunUrl(text: string): boolean {
  return v.is(stunUrl, text);
}

export function isTurnUrl(text: string): boolean {
  return v.is(turnUrl, text);
}
