// What a server can do once the link has been leaked to it: open boxes, make them, and change what they say.

import { openSignal, sealSignal } from '../../src/identity/seal.ts';
import { deriveRoomKeys, parseLink, type RoomKeys } from '../../src/identity/room-link.ts';
import { fromBase64url, randomBytes, toBase64url, type Bytes } from '../../src/protocol/bytes.ts';
import { decodeBoxBody, encodeBoxBody, type BoxBody } from '../../src/protocol/dial-signal.ts';
import { invented, type Attack, type Mail } from './server.ts';

export interface Opened {
  readonly dial: Bytes;
  readonly seq: number;
  readonly body: BoxBody;
}

export class Leak {
  readonly keys: RoomKeys;

  private constructor(keys: RoomKeys) {
    this.keys = keys;
  }

  static async of(link: string): Promise<Leak> {
    return new Leak(await deriveRoomKeys(await parseLink(link)));
  }

  /** Throws when it is no box of this room: everybody here but the server is honest. */
  open(mail: Mail): Opened {
    const signal = openSignal(this.keys.seal, raw(mail.box));
    const body = signal && decodeBoxBody(signal.body);
    if (!body) throw new Error('a box that does not open');
    return { dial: signal.dial, seq: signal.seq, body };
  }

  seal(way: Pick<Mail, 'from' | 'to'>, body: BoxBody, { dial, seq } = { dial: randomBytes(16), seq: 0 }): Mail {
    const { from, to } = way;
    const sealed = { from: raw(from), to: raw(to), dial, seq, body: encodeBoxBody(body) };
    return { room: toBase64url(this.keys.roomId), from, to, box: toBase64url(sealSignal(this.keys.seal, sealed)) };
  }
}

function raw(text: string): Bytes {
  const bytes = fromBase64url(text);
  if (!bytes) throw new Error('not base64url');
  return bytes;
}

/** A host who does not exist answers the door in the real one's place. */
export function fakeHost(leak: Leak, name: string): Attack {
  const fake = invented();
  return {
    joined: ({ socket }, server) => server.tell(socket, { type: 'joined', peers: [fake] }),
    box: ({ from }, server) => server.deliver(leak.seal({ from: fake, to: from }, { kind: 'door', name })),
  };
}

/** Hosts who do not exist answer beside the real one, and people who do not exist ring there. */
export function fakesBeside(leak: Leak): Attack {
  return {
    box: (mail, server) => {
      const { body } = leak.open(mail);
      if (body.kind === 'ring') {
        for (const fake of [invented(), invented()]) {
          server.deliver(leak.seal({ from: fake, to: mail.from }, { kind: 'door', name: 'not alice' }));
          server.deliver(leak.seal({ from: fake, to: mail.to }, { kind: 'ring' }));
        }
      }
      server.deliver(mail);
    },
  };
}

/** Changes every description of this kind on its way. */
export function rewriting(leak: Leak, kind: 'offer' | 'answer', rewrite: (sdp: string) => string): Attack {
  return {
    box: (mail, server) => {
      const { body, ...place } = leak.open(mail);
      if (body.kind === kind) server.deliver(leak.seal(mail, { kind, sdp: rewrite(body.sdp) }, place));
      else server.deliver(mail);
    },
  };
}

/** The fingerprint lines of a description. */
export function fingerprints(sdp: string): string[] {
  return sdp.match(/^a=fingerprint:[^\r\n]*/gm) ?? [];
}

/** The description with these fingerprint lines and no others, for the whole session and for its one medium. */
export function withFingerprints(sdp: string, session: readonly string[], medium: readonly string[]): string {
  const bare = sdp.replaceAll(/^a=fingerprint:.*\r\n/gm, '');
  const lines = (added: readonly string[]) => added.map((line) => `${line}\r\n`).join('');
  return bare.replace(/^m=/m, () => `${lines(session)}m=`) + lines(medium);
}
