// How a connection's bytes travel, from the browser's own statistics.

export type Path = 'direct' | 'relayed';

export interface Way {
  /** `relayed` when either end of the selected candidate pair is a relay. */
  readonly path: Path;
  /** The round trip of its last check, ms. */
  readonly rttMs: number | undefined;
}

/** Tells how a connection's bytes travel now, and whenever that changes, where the browser says so. */
export function watchWay(connection: Pick<RTCPeerConnection, 'getStats' | 'sctp'>, tell: (way: Way) => void): void {
  const look = () => void wayOf(connection).then(tell, () => undefined);
  look();
  connection.sctp?.transport.iceTransport.addEventListener('selectedcandidatepairchange', look);
}

async function wayOf(connection: Pick<RTCPeerConnection, 'getStats'>): Promise<Way> {
  const stats = await connection.getStats();
  const byId = new Map<string, Record<string, unknown>>();
  stats.forEach((report: Record<string, unknown> & { id: string }) => byId.set(report.id, report));
  const reports = [...byId.values()];
  const transport = reports.find((report) => report['type'] === 'transport');
  const pair =
    byId.get(String(transport?.['selectedCandidatePairId'])) ??
    // Firefox marks the pair itself.
    reports.find((report) => report['type'] === 'candidate-pair' && report['selected'] === true);
  const ends = [pair?.['localCandidateId'], pair?.['remoteCandidateId']].map((id) => byId.get(String(id)));
  const rtt = pair?.['currentRoundTripTime'];
  return {
    path: ends.some((end) => end?.['candidateType'] === 'relay') ? 'relayed' : 'direct',
    rttMs: typeof rtt === 'number' ? rtt * 1000 : undefined,
  };
}
