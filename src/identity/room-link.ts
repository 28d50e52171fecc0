// The room link and the keys derived from it (docs/protocol.md §1). The link's fragment is the room's secret: it is
// never sent, logged or put into a title, and the server only ever sees the derived room id.

import {
  concat,
  context,
  equal,
  fromBase64url,
  randomBytes,
  sha256,
  toBase64url,
  utf8,
  type Bytes,
} from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';

const VERSION = 1;
const SECRET_BYTES = 16;
const PIN_BYTES = 16;
const CHECK_BYTES = 3;
const CHECKED_BYTES = 1 + SECRET_BYTES + PIN_BYTES;
const FRAGMENT_CHARS = 48;

/** What a room link says: a random secret, and which key the host has. */
export interface RoomLink {
  readonly secret: Bytes;
  readonly hostPin: Bytes;
}

/** What everyone with the link derives from it. Only `roomId` ever leaves the page. */
export interface RoomKeys {
  readonly roomId: Bytes;
  /** Seals signals (secretbox key, 32 bytes). */
  readonly seal: Bytes;
  /** Binds handshakes to the link (HMAC key, 32 bytes). */
  readonly bind: Bytes;
}

/** SHA-256(CTX("host pin") ‖ key)[0..16]: commits a link to its host's Ed25519 public key (32 bytes). */
export async function hostPin(publicKey: Uint8Array): Promise<Bytes> {
  return (await sha256(concat(context('host pin'), publicKey))).slice(0, PIN_BYTES);
}

/** A new room for the host with this public key. */
export async function newRoomLink(hostKey: Uint8Array): Promise<RoomLink> {
  return { secret: randomBytes(SECRET_BYTES), hostPin: await hostPin(hostKey) };
}

async function check(bytes: Uint8Array): Promise<Bytes> {
  return (await sha256(concat(context('link'), bytes))).slice(0, CHECK_BYTES);
}

/** The 48 characters of a link's fragment: base64url(01 ‖ secret ‖ hostPin ‖ check). */
export async function formatFragment(link: RoomLink): Promise<string> {
  const checked = concat(new Uint8Array([VERSION]), link.secret, link.hostPin);
  return toBase64url(concat(checked, await check(checked)));
}

/** Reads a fragment, with or without its `#`. Throws Failure: `other-version` for another first byte, else `bad-link`. */
export async function parseFragment(text: string): Promise<RoomLink> {
  const bytes = fromBase64url(text.replace(/^#/, ''));
  if (!bytes?.length) throw new Failure('bad-link', 'not base64url');
  if (bytes[0] !== VERSION) throw new Failure('other-version', `version ${bytes[0] ?? 0}`);
  const checked = bytes.subarray(0, CHECKED_BYTES);
  if (text.replace(/^#/, '').length !== FRAGMENT_CHARS || !equal(bytes.subarray(CHECKED_BYTES), await check(checked))) {
    throw new Failure('bad-link', 'length or check');
  }
  return {
    secret: bytes.slice(1, 1 + SECRET_BYTES),
    hostPin: bytes.slice(1 + SECRET_BYTES, CHECKED_BYTES),
  };
}

/** The fragment in whatever a person pasted: a whole link or the bare fragment. Throws as parseFragment. */
export function parseLink(text: string): Promise<RoomLink> {
  const trimmed = text.trim();
  return parseFragment(trimmed.slice(trimmed.indexOf('#') + 1));
}

/** HKDF-SHA-256(salt CTX("room"), ikm secret ‖ hostPin) under the labels of docs/protocol.md §1. */
export async function deriveRoomKeys(link: RoomLink): Promise<RoomKeys> {
  const ikm = await crypto.subtle.importKey('raw', concat(link.secret, link.hostPin), 'HKDF', false, ['deriveBits']);
  const derive = async (label: string, bytes: number) =>
    new Uint8Array(
      await crypto.subtle.deriveBits(
        { name: 'HKDF', hash: 'SHA-256', salt: context('room'), info: utf8(label) },
        ikm,
        bytes * 8,
      ),
    );
  const [roomId, seal, bind] = await Promise.all([derive('id', 16), derive('seal', 32), derive('bind', 32)]);
  return { roomId, seal, bind };
}
