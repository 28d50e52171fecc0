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

/** `token` makes a peer id its owner's: the same id is taken over only with the same token. */
const joinSchema = v.strictObject({ type: v.literal('join'), room: id, peer: id, token: id });
const sendSchema = v.strictObject({ type: v.literal('send'), to: id, box });
export const fromClientSchema = v.variant('type', [joinSchema, sendSchema]);

/** Why the server refuses and closes. */
export const refusals = ['bad-message', 'room-full', 'seat-taken', 'replaced', 'server-full'] as const;

export const fromServerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('joined'), peers: v.pipe(v.array(id), v.maxLength(64)) }),
  v.strictObject({ type: v.literal('arrived'), peer: id }),
  v.strictObject({ type: v.literal('left'), peer: id }),
  v.strictObject({ type: v.literal('box'), from: id, box }),
  v.strictObject({ type: v.literal('refused'), code: v.picklist(refusals) }),
]);

export type Refusal = (typeof refusals)[number];
export type FromClient = v.InferOutput<typeof fromClientSchema>;
export type FromServer = v.InferOutput<typeof fromServerSchema>;

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
