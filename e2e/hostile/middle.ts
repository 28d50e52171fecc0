// Mallory between two people: the server hands her the descriptions, and boxes of its own making bring hers to the others.

import { createHmac } from 'node:crypto';
import { fingerprintIn } from '../../src/link/certificate.ts';
import { concat, context, toBase64url, type Bytes } from '../../src/protocol/bytes.ts';
import { fingerprints, withFingerprints, type Leak, type Opened } from './leak.ts';
import type { End, Mallory } from './mallory.ts';
import { invented, type Attack, type HostileServer, type Mail } from './server.ts';

/** Where the fingerprint lines go: Mallory's, her certificate's weak one, and that of whom she stands in for. */
export type Placing = (own: string, honest: string, weak: string) => [session: string[], medium: string[]];

export const placings: Readonly<Record<string, Placing>> = {
  'for the session': (own) => [[own], []],
  'for the medium': (own) => [[], [own]],
  'for the session, the honest one for the medium': (own, honest) => [[own], [honest]],
  'for the medium, the honest one for the session': (own, honest) => [[honest], [own]],
  'behind the honest one': (own, honest) => [[], [honest, own]],
  'before the honest one': (own, honest) => [[], [own, honest]],
  'as SHA-1': (_own, _honest, weak) => [[], [weak]],
  'as SHA-1, before the honest one': (_own, honest, weak) => [[], [weak, honest]],
};

/**
 * Whoever is dialled, Mallory answers in their place, with a key of her own. They do see the offer, so that their
 * fingerprint can stand beside hers.
 */
export function answersForThem(leak: Leak, mallory: Mallory, placing: Placing): Attack {
  const offers = new Map<string, string>();
  return {
    box: async (mail, server) => {
      const { body, ...place } = leak.open(mail);
      const dial = toBase64url(place.dial);
      if (body.kind === 'candidates') return;
      if (body.kind === 'offer') offers.set(dial, body.sdp);
      if (body.kind !== 'answer') {
        server.deliver(mail);
        return;
      }
      const offer = offers.get(dial) ?? '';
      const end = await mallory.connect(offer);
      await mallory.shakeHands(end, leak.keys, false, offer);
      const [own = ''] = fingerprints(end.sdp);
      const [honest = ''] = fingerprints(body.sdp);
      const sdp = withFingerprints(end.sdp, ...placing(own, honest, end.weak));
      server.deliver(leak.seal(mail, { kind: 'answer', sdp }, place));
    },
  };
}

/**
 * Two members are told that the other is where Mallory is: a dial of one is answered by her, and she dials the other in
 * that one's name. What goes to and from the host, who was here first, is left alone.
 */
export function memberElsewhere(leak: Leak, mallory: Mallory): Attack {
  const dials = new Map<string, End>();
  const dial = async (mail: Mail, server: HostileServer) => {
    const end = await mallory.connect();
    const offer = leak.seal(mail, { kind: 'offer', sdp: end.sdp });
    dials.set(toBase64url(leak.open(offer).dial), end);
    server.deliver(offer);
  };
  const attack: Attack = {
    box: async (mail, server) => {
      const { body, ...place } = leak.open(mail);
      const [host] = server.seats(attack);
      if (mail.from === host?.peer || mail.to === host?.peer) {
        server.deliver(mail);
      } else if (body.kind === 'offer') {
        await Promise.all([answerInTheirPlace(leak, mallory, mail, server), dial(mail, server)]);
      } else if (body.kind === 'answer') {
        const end = dials.get(toBase64url(place.dial));
        if (!end) return;
        await end.take(body.sdp);
        await mallory.shakeHands(end, leak.keys, true, body.sdp);
      }
    },
  };
  return attack;
}

/** Takes the offer in this box with a key of Mallory's own, in the name of whom it was for. */
async function answerInTheirPlace(leak: Leak, mallory: Mallory, mail: Mail, server: HostileServer): Promise<void> {
  const { body, dial } = leak.open(mail);
  if (body.kind !== 'offer') return;
  const end = await mallory.connect(body.sdp);
  await mallory.shakeHands(end, leak.keys, false, body.sdp);
  const back = { from: mail.to, to: mail.from };
  server.deliver(leak.seal(back, { kind: 'answer', sdp: end.sdp }, { dial, seq: 0 }));
}

/** What Mallory does to a handshake message that passes through her: the one, and the other side's certificates. */
export type Passing = (message: Bytes, certificates: Certificates) => Bytes;

interface Certificates {
  readonly guest: Bytes;
  readonly host: Bytes;
  readonly hers: Bytes;
  /** The guest's first message, as the guest said it. */
  readonly first: Bytes;
}

/** Word for word. */
export const verbatim: Passing = (message) => message;

/** With every MAC made anew over the certificates the receiver sees: the link is enough for that. */
export function macsAnew({ keys }: Leak): Passing {
  const mac = (label: string, ...parts: Bytes[]) =>
    new Uint8Array(
      createHmac('sha256', keys.bind)
        .update(concat(context(label), ...parts))
        .digest(),
    );
  return (message, { guest, host, hers, first }) => {
    const said = message.slice(1, -32);
    if (message[0] === 1) return concat(message.slice(0, -32), mac('mac I', hers, host, said));
    if (message[0] === 2) return concat(message.slice(0, -32), mac('mac R', guest, hers, first, said));
    return message;
  };
}

/** One connection to the guest in the host's name, one to the host in the guest's, and all that is said passed on. */
export function inBetween(leak: Leak, mallory: Mallory, passing: Passing): Attack {
  const waiting = new Map<string, (answer: string) => Promise<void>>();
  const step = async (mail: Mail, sdp: string, place: Omit<Opened, 'body'>, server: HostileServer) => {
    const toGuest = await mallory.connect(sdp);
    const toHost = await mallory.connect();
    const offer = leak.seal(mail, { kind: 'offer', sdp: toHost.sdp });
    waiting.set(toBase64url(leak.open(offer).dial), async (answer) => {
      const pass = async (to: End, message: Bytes) => {
        const [first = new Uint8Array()] = toGuest.heard;
        const guest = fingerprintIn(sdp);
        await to.send(passing(message, { guest, host: fingerprintIn(answer), hers: fingerprintIn(toHost.sdp), first }));
      };
      toHost.onheard = (message) => pass(toGuest, message);
      toGuest.onheard = async (message) => {
        await toHost.opened;
        await pass(toHost, message);
      };
      await toHost.take(answer);
      // Only now may the guest begin: nothing said before would be passed on.
      const back = { from: mail.to, to: mail.from };
      server.deliver(leak.seal(back, { kind: 'answer', sdp: toGuest.sdp }, { ...place, seq: 0 }));
    });
    server.deliver(offer);
  };
  return {
    box: async (mail, server) => {
      const { body, ...place } = leak.open(mail);
      if (body.kind === 'offer') await step(mail, body.sdp, place, server);
      else if (body.kind === 'answer') await waiting.get(toBase64url(place.dial))?.(body.sdp);
      else if (body.kind !== 'candidates') server.deliver(mail);
    },
  };
}

/** The host is nowhere to be seen: somebody invented is, and Mallory opens the door there. */
export function opensTheDoor(leak: Leak, mallory: Mallory): Attack {
  const herId = invented();
  return {
    joined: ({ socket }, server) => server.tell(socket, { type: 'joined', peers: [herId] }),
    box: async (mail, server) => {
      const { kind } = leak.open(mail).body;
      const back = { from: herId, to: mail.from };
      if (kind === 'ring') server.deliver(leak.seal(back, { kind: 'door', name: 'alice' }));
      if (kind === 'offer') await answerInTheirPlace(leak, mallory, mail, server);
    },
  };
}
