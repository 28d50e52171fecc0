// What every connection is made with. ICE servers are always ours to name: simple-peer's defaults call public hosts. None are configured by default.

/** A certificate for all connections of a page in a room: the further lanes of a link are known by it. */
export function newCertificate(): Promise<RTCCertificate> {
  return RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' } as AlgorithmIdentifier);
}

/** The configuration of every connection. */
export function iceConfiguration(): RTCConfiguration {
  return { iceServers: [] };
}
