// Which certificates DTLS really used. SDP is never believed about it: browsers take several fingerprint lines, and one of
// them takes weak ones, so what counts is the certificate the connection was made with.

import { fromHex, sha256, type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';

/** What this file needs of a connection: `getRemoteCertificates` is not in every browser, nor in TypeScript's types. */
export interface Certified {
  readonly remoteDescription: { readonly sdp: string } | null;
  readonly sctp: { readonly transport: { getRemoteCertificates?(): ArrayBuffer[] } } | null;
}

/**
 * SHA-256 of the certificate at the other end of a connected connection, 32 bytes. Rejects with Failure
 * (`authentication-failed`) unless there is exactly one.
 */
export async function theirCertificate({ sctp, remoteDescription }: Certified): Promise<Bytes> {
  const certificates = sctp?.transport.getRemoteCertificates?.();
  if (certificates) {
    const [der] = certificates;
    if (!der || certificates.length !== 1) throw new Failure('authentication-failed', 'not one certificate');
    return sha256(new Uint8Array(der));
  }
  return fingerprintIn(remoteDescription?.sdp ?? '');
}

/** For browsers that do not show the certificate: the one SHA-256 fingerprint of a description that has just one line of it. */
export function fingerprintIn(sdp: string): Bytes {
  const lines = sdp.match(/^a=fingerprint:.*$/gim) ?? [];
  const [, digits] = /^a=fingerprint:sha-256 ([0-9a-f]{2}(?::[0-9a-f]{2}){31})\s*$/i.exec(lines[0] ?? '') ?? [];
  const bytes = lines.length === 1 && digits ? fromHex(digits.replaceAll(':', '').toLowerCase()) : undefined;
  if (!bytes) throw new Failure('authentication-failed', 'not one SHA-256 fingerprint');
  return bytes;
}

/** SHA-256 of a certificate of ours, 32 bytes. Throws Failure (`unsupported-browser`). */
export function ownCertificate(certificate: RTCCertificate): Bytes {
  const value = certificate.getFingerprints().find(({ algorithm }) => algorithm === 'sha-256')?.value;
  const bytes = fromHex((value ?? '').replaceAll(':', '').toLowerCase());
  if (bytes?.length !== 32) throw new Failure('unsupported-browser', 'no fingerprint of its certificate');
  return bytes;
}
