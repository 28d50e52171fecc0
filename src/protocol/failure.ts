// Why something ended badly: a closed set of codes. `ui/failures.ts` has a sentence a person understands for each,
// and the compiler checks that none is missing.

export const failureCodes = [
  // The link and the page
  'bad-link',
  'other-version',
  'insecure-context',
  'unsupported-browser',
  // Meeting
  'no-signaling',
  'server-full',
  'too-many-sockets',
  'too-many-joins',
  'too-many-rooms',
  'too-fast',
  'too-slow',
  'other-origin',
  'room-full',
  'seat-taken',
  'connection-failed',
  'no-relay',
  'authentication-failed',
  'no-answer',
  'turned-away',
  'removed',
  'room-locked',
  'room-expired',
  'room-busy',
  'roster-conflict',
  'sas-differs',
  'open-elsewhere',
  'identity-not-kept',
  'peer-gone',
  'protocol',
  // Files
  'file-changed',
  'file-unreadable',
  'no-space',
  'disk-full',
  'memory-full',
  'memory-only',
  'hash-mismatch',
  'asked-too-often',
  'too-large',
  'too-many-files',
  'text-too-long',
  'too-many-texts',
  'empty-offer',
  'save-failed',
  'bad-deny-list',
  'withdrawn',
  'cancelled',
  // Something of ours broke; never blamed on the other side
  'internal',
] as const;

export type FailureCode = (typeof failureCodes)[number];

/** The codes one side may give the other for a file, in `failed`. */
export const fileFailureCodes = [
  'file-changed',
  'file-unreadable',
  'disk-full',
  'memory-full',
  'hash-mismatch',
  'asked-too-often',
  'internal',
] as const satisfies readonly FailureCode[];

export type FileFailureCode = (typeof fileFailureCodes)[number];

/** Every expected bad end. `detail` is for developers and is never shown as the explanation; it holds no secrets. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly detail: string;

  constructor(code: FailureCode, detail = '') {
    super(detail ? `${code}: ${detail}` : code);
    this.name = 'Failure';
    this.code = code;
    this.detail = detail;
  }

  /** A failure as it is; anything else as `code`, so that no foreign error gets past a layer untyped. */
  static from(error: unknown, code: FailureCode = 'internal'): Failure {
    if (error instanceof Failure) return error;
    return new Failure(code, error instanceof Error ? `${error.name} ${error.message}` : typeof error);
  }
}
