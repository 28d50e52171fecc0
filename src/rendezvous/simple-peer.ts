// SDP, ICE and trickle by simple-peer, which hands over the RTCPeerConnection it made: its `wrtc` option is given a
// subclass that creates our two negotiated channels in its constructor, before any description, and lets the data
// channel go to its worker in that same task (the only one in which browsers let it move).
//
// What comes out is an *untrusted* connection: to somebody who knows the link, or to nobody in particular.

import SimplePeer, { type Signal } from 'simple-peer/simplepeer.min.js';
import type { Candidate, DialSignal } from '../protocol/dial-signal.ts';
import { Failure } from '../protocol/failure.ts';
import { CANDIDATE_DELAY_MS, DIAL_MS, MAX_CANDIDATES_PER_DIAL } from '../protocol/limits.ts';
import { hidden, lookedAt } from './relay-only.ts';

const OWN_CHANNEL_ID = 99;
const CONTROL_ID = 100;
const DATA_ID = 102;

/** Takes the data channel of a connection being constructed; returns the number of the lane it became. */
export type Adopt = (channel: RTCDataChannel) => number;

// This file is loaded by browsers without WebRTC too, so that the page can say what is missing.
const PeerConnection: typeof RTCPeerConnection =
  typeof RTCPeerConnection === 'undefined' ? (Object as never) : RTCPeerConnection;

/** A connection with our channels. `lane` is what `Adopt` returned for its data channel. */
export class Connection extends PeerConnection {
  readonly control: RTCDataChannel;
  readonly lane: number;
  /** Called when the connection is over, for whatever reason: not every browser tells its channels of a close of our own. */
  onover: (() => void) | undefined;

  constructor(config: RTCConfiguration, adopt: Adopt) {
    super(config);
    this.control = this.createDataChannel('control', { negotiated: true, id: CONTROL_ID });
    this.control.binaryType = 'arraybuffer';
    this.lane = adopt(this.createDataChannel('data', { negotiated: true, id: DATA_ID, ordered: false }));
  }
}

export interface DialOptions {
  readonly initiator: boolean;
  /** With the policy `relay`, signals hold no address but relayed ones. */
  readonly ice: RTCConfiguration;
  readonly adopt: Adopt;
  /** Sends a signal to the other side. */
  readonly signal: (signal: DialSignal) => void;
}

/** One dial: from the first signal to a connection whose control channel is open, or to a Failure. */
export class Dial {
  readonly connection: Promise<Connection>;
  readonly #peer: SimplePeer;
  readonly #made: Connection;
  readonly #initiator: boolean;
  readonly #send: (signal: DialSignal) => void;
  readonly #isHidden: boolean;
  /** A candidate was sent. */
  #isReachable = false;
  #candidates: Candidate[] = [];
  #collecting: ReturnType<typeof setTimeout> | undefined;
  #described = false;
  #taken = 0;

  constructor({ initiator, ice, adopt, signal }: DialOptions) {
    this.#initiator = initiator;
    this.#isHidden = ice.iceTransportPolicy === 'relay';
    this.#send = (all) => {
      const left = this.#isHidden ? hidden(all) : all;
      if (!left) return;
      this.#isReachable ||= left.kind === 'candidates';
      signal(left);
    };
    const made: Connection[] = [];
    class Reporting extends Connection {
      constructor(config: RTCConfiguration) {
        super(config, adopt);
        made.push(this);
      }
    }
    this.#peer = new SimplePeer({
      initiator,
      trickle: true,
      config: ice,
      // Its own channel is negotiated too, so that no channel of a connection is ever announced by the other side.
      channelConfig: { negotiated: true, id: OWN_CHANNEL_ID },
      wrtc: { RTCPeerConnection: Reporting as typeof RTCPeerConnection, RTCSessionDescription, RTCIceCandidate },
    });
    const [connection] = made;
    if (!connection) throw new Failure('unsupported-browser', 'no RTCPeerConnection was made');
    this.#made = connection;
    this.#peer.on('signal', (out) => this.#collect(out));
    this.connection = this.#whenOpen();
  }

  #whenOpen(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(this.#unreached('timed out')), DIAL_MS);
      const fail = (failure: Failure) => {
        clearTimeout(timer);
        this.#peer.destroy();
        reject(failure);
      };
      this.#made.control.onopen = () => {
        // Of media the other side only asks for there is no event.
        if (this.#made.getTransceivers().length) {
          fail(new Failure('connection-failed', 'media'));
          return;
        }
        clearTimeout(timer);
        resolve(this.#made);
      };
      this.#peer.on('error', (error) => fail(Failure.from(error, 'connection-failed')));
      this.#peer.on('close', () => {
        fail(new Failure('connection-failed', 'closed'));
        this.#made.onover?.();
      });
      // Without a relay there will be nothing to connect to, however long it is waited for.
      this.#made.addEventListener('icegatheringstatechange', () => {
        if (this.#isHidden && this.#made.iceGatheringState === 'complete') {
          this.#flush();
          if (!this.#isReachable) fail(this.#unreached('no relay'));
        }
      });
      // Nothing of ours ever travels there, and nobody adds channels or media to a connection.
      this.#peer.on('data', () => this.#peer.destroy());
      // Asked of the connection itself: simple-peer passes over a track that is in no stream.
      for (const event of ['track', 'datachannel']) this.#made.addEventListener(event, () => this.#peer.destroy());
    });
  }

  /** Whoever hides their address has to have a relay: then it is that which is missing. */
  #unreached(detail: string): Failure {
    return new Failure(this.#isHidden && !this.#isReachable ? 'no-relay' : 'connection-failed', detail);
  }

  /** Takes one offer or answer (whichever this side waits for) and up to 32 candidates; drops everything else. */
  handle(all: DialSignal): void {
    const signal = this.#isHidden ? lookedAt(all) : all;
    if (!signal) return;
    if (signal.kind === 'candidates') {
      for (const candidate of signal.candidates) {
        if (this.#taken++ < MAX_CANDIDATES_PER_DIAL) this.#feed({ candidate });
      }
      return;
    }
    if (this.#described || signal.kind !== (this.#initiator ? 'answer' : 'offer')) return;
    this.#described = true;
    this.#feed({ type: signal.kind, sdp: signal.sdp });
  }

  /** The lane of the connection in the making. */
  get lane(): number {
    return this.#made.lane;
  }

  abort(): void {
    this.#peer.destroy();
  }

  #feed(signal: Signal): void {
    try {
      this.#peer.signal(signal);
    } catch {
      // It throws for a candidate the browser cannot parse, and once it is destroyed. Either way this dial is over.
      this.#peer.destroy();
    }
  }

  /** simple-peer's signals as ours: descriptions at once, candidates 50 ms together. */
  #collect({ type, sdp, candidate }: Signal): void {
    if (sdp !== undefined && (type === 'offer' || type === 'answer')) {
      this.#send({ kind: type, sdp });
    } else if (candidate?.candidate) {
      this.#candidates.push({
        candidate: candidate.candidate,
        sdpMid: candidate.sdpMid,
        sdpMLineIndex: candidate.sdpMLineIndex,
      });
      this.#collecting ??= setTimeout(() => this.#flush(), CANDIDATE_DELAY_MS);
    }
  }

  #flush(): void {
    clearTimeout(this.#collecting);
    this.#collecting = undefined;
    const candidates = this.#candidates.splice(0, MAX_CANDIDATES_PER_DIAL);
    if (candidates.length) this.#send({ kind: 'candidates', candidates });
  }
}
