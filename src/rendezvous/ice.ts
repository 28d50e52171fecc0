// What every connection is made with. ICE servers are always ours to name: simple-peer's defaults call public hosts. None
// are configured by default.

import type { Ice } from '../protocol/signal.ts';

/** A certificate for all connections of a page in a room: the further lanes of a link are known by it. */
export function newCertificate(): Promise<RTCCertificate> {
  return RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' } as AlgorithmIdentifier);
}

/**
 * The configuration of the next connection, from what the signaling server named. `relayOnly`: whatever that was, nothing
 * goes any other way than through a relay; without one there is no connection then.
 */
export function iceConfiguration(given: Ice | undefined, relayOnly: boolean): RTCConfiguration {
  const { stun = [], turn } = given ?? {};
  const relays = turn ? [turn] : [];
  if (relayOnly) return { iceServers: relays, iceTransportPolicy: 'relay' };
  return { iceServers: [...(stun.length ? [{ urls: stun }] : []), ...relays] };
}
