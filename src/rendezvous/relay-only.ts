// For somebody who hides their address: what they send and take of signals. Browsers are asked for relayed candidates only
// and give no others; here that is made sure of, and what a relayed candidate itself tells of its owner (the address it
// was asked for from, the kind of network) is left out.
//
// Nor is a name looked up that the other side chose: whoever answers for it would learn who asked.

import type { Candidate, DialSignal } from '../protocol/dial-signal.ts';

const RELAYED =
  /^(candidate:[\w+/]{1,32} [12] udp \d{1,10} [\d.A-Fa-f:]{2,45} \d{1,5} typ relay)(?: raddr \S+)?(?: rport \d+)?((?: [\w-]+ \S+)*)$/i;
/** RFC 8839 §5.1: the place for the address it was asked for from has to be filled. */
const UNRELATED = ' raddr 0.0.0.0 rport 0';
const ADDRESSED = /^candidate:\S+ \d+ \S+ \d+ (?:\d{1,3}(?:\.\d{1,3}){3}|[\dA-Fa-f.]*:[\dA-Fa-f:.]*) \d+ typ /;

/** A relayed candidate without its owner's address; undefined for any other. */
export function hiddenCandidate(candidate: string): string | undefined {
  const [, relayed, extensions = ''] = RELAYED.exec(candidate) ?? [];
  if (relayed === undefined) return undefined;
  // It says which of an owner's connections it is meant for, and nothing else of them.
  const [fragment = ''] = / ufrag [\w+/]+/.exec(extensions) ?? [];
  return relayed + UNRELATED + fragment;
}

/** Whether a candidate names a host by its address, so that nothing has to be looked up to reach it. */
export function isAddressed(candidate: string): boolean {
  return ADDRESSED.test(candidate);
}

/** What may leave of a signal; undefined when nothing is left of it. */
export function hidden(signal: DialSignal): DialSignal | undefined {
  if (signal.kind === 'candidates') return withCandidates(signal, hiddenCandidate);
  return { ...signal, sdp: linesOf(signal.sdp).flatMap(hiddenLine).join('\r\n') };
}

/** What of the other side's signal is looked at. */
export function lookedAt(signal: DialSignal): DialSignal | undefined {
  const kept = (candidate: string) => (isAddressed(candidate) ? candidate : undefined);
  if (signal.kind === 'candidates') return withCandidates(signal, kept);
  const lines = linesOf(signal.sdp).filter((line) => !line.startsWith('a=candidate:') || isAddressed(line.slice(2)));
  return { ...signal, sdp: lines.map(unconnected).join('\r\n') };
}

function linesOf(sdp: string): string[] {
  return sdp.split(/\r\n|\r|\n/);
}

function withCandidates(
  { kind, candidates }: Extract<DialSignal, { kind: 'candidates' }>,
  change: (candidate: string) => string | undefined,
): DialSignal | undefined {
  const changed = candidates.flatMap((one): Candidate[] => {
    const candidate = change(one.candidate);
    return candidate === undefined ? [] : [{ ...one, candidate }];
  });
  return changed.length ? { kind, candidates: changed } : undefined;
}

/** The lines of a description that may hold an address, with none in them. */
function hiddenLine(line: string): string[] {
  if (line.startsWith('a=candidate:')) {
    const candidate = hiddenCandidate(line.slice(2));
    return candidate === undefined ? [] : [`a=${candidate}`];
  }
  if (line.startsWith('a=rtcp:') || line.startsWith('a=remote-candidates:')) return [];
  // RFC 8840 §4.1.1: no address is known yet, and no port.
  return [
    unconnected(line)
      .replace(/^(o=\S+ \S+ \S+) .*/, '$1 IN IP4 0.0.0.0')
      .replace(/^(m=\S+) [1-9]\d*/, '$1 9'),
  ];
}

function unconnected(line: string): string {
  return line.replace(/^c=.*/, 'c=IN IP4 0.0.0.0');
}
