// Who was let into a room: a list the host signs and everybody enforces (docs/protocol.md §4). The bytes as sent are what
// is signed, so that members can pass a roster on, and nobody needs to believe who passes it.

import * as v from 'valibot';
import { concat, context, equal, fromBase64url, fromUtf8, toBase64url, utf8, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MAX_MEMBERS, MAX_ROSTER_BYTES } from '../protocol/limits.ts';
import { personName } from '../protocol/person-name.ts';
import { SIGNATURE_BYTES, verify } from './ed25519.ts';
import { hostPin } from './room-link.ts';
import type { OwnKey } from './keys.ts';

export interface Member {
  /** base64url of the member's public key. */
  readonly key: string;
  readonly name: string;
  /** base64url of the peer id the member was last known under. */
  readonly peerId: string;
}

export interface Roster {
  /** base64url of the room id: a roster is worth nothing in another room. */
  readonly room: string;
  /** Counts up with every change. */
  readonly rev: number;
  /** Nobody new is let in. */
  readonly locked: boolean;
  /** Seconds the room still had when this was signed. */
  readonly expires: number;
  /** The host first. */
  readonly members: readonly Member[];
}

const canonical = (length: number) =>
  v.pipe(
    v.string(),
    v.check((text) => fromBase64url(text)?.length === length, 'not canonical base64url'),
  );
const schema = v.strictObject({
  room: canonical(16),
  rev: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  locked: v.boolean(),
  expires: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  members: v.pipe(
    v.array(v.strictObject({ key: canonical(32), name: personName, peerId: canonical(16) })),
    v.minLength(1),
    v.maxLength(MAX_MEMBERS),
    v.check((members) => new Set(members.map(({ key }) => key)).size === members.length, 'a key twice'),
    v.check((members) => new Set(members.map(({ peerId }) => peerId)).size === members.length, 'a peer id twice'),
  ),
});

/** sig[64] ‖ JSON bytes: what travels, is stored and is passed on. */
export type SignedRoster = Bytes;

export async function signRoster(roster: Roster, host: OwnKey): Promise<SignedRoster> {
  const json = utf8(JSON.stringify(roster));
  return concat(await host.sign(concat(context('roster'), json)), json);
}

/**
 * A roster somebody showed, if the host of this room signed it. `pin` is the link's, `room` base64url of the room id.
 * Rejects with Failure('protocol').
 */
export async function openRoster(signed: SignedRoster, room: string, pin: Bytes): Promise<Roster> {
  if (signed.length > MAX_ROSTER_BYTES) throw new Failure('protocol', 'roster too long');
  const json = signed.slice(SIGNATURE_BYTES);
  const roster = parse(json);
  const [host] = roster.members;
  const hostKey = fromBase64url(host?.key ?? '');
  if (roster.room !== room || !hostKey || !equal(await hostPin(hostKey), pin)) {
    throw new Failure('protocol', 'a roster of another room');
  }
  if (!verify(hostKey, concat(context('roster'), json), signed.slice(0, SIGNATURE_BYTES))) {
    throw new Failure('protocol', 'a roster the host did not sign');
  }
  return roster;
}

function parse(json: Bytes): Roster {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(json) ?? '');
  } catch {
    throw new Failure('protocol', 'roster is not JSON');
  }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw new Failure('protocol', result.issues[0].message);
  return result.output;
}

/** The member with this key (32 bytes), if it is one. */
export function memberOf(roster: Roster, key: Bytes): Member | undefined {
  const text = toBase64url(key);
  return roster.members.find((member) => member.key === text);
}
