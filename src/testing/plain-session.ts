// A session nobody authenticated, for tests of what lies above it: th is zeros, and zeros are the one signature.

import type { Session } from '../link/session.ts';
import { equal } from '../protocol/bytes.ts';
import { SIGNATURE_BYTES } from '../protocol/messages.ts';

const noSignature = new Uint8Array(SIGNATURE_BYTES);

export const plainSession: Session = {
  th: new Uint8Array(32),
  sign: () => Promise.resolve(noSignature),
  verify: (_type, _json, signature) => equal(signature, noSignature),
};
