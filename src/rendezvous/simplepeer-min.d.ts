// Only what rendezvous/simple-peer.ts uses. The published types drag Node's globals into the page.
declare module 'simple-peer/simplepeer.min.js' {
  export interface Signal {
    readonly type?: string;
    readonly sdp?: string;
    readonly candidate?: { candidate: string; sdpMid: string | null; sdpMLineIndex: number | null };
  }
  export interface Options {
    readonly initiator: boolean;
    readonly trickle: true;
    readonly config: RTCConfiguration;
    readonly channelConfig: RTCDataChannelInit;
    readonly wrtc: {
      readonly RTCPeerConnection: typeof RTCPeerConnection;
      readonly RTCSessionDescription: typeof RTCSessionDescription;
      readonly RTCIceCandidate: typeof RTCIceCandidate;
    };
  }
  export default class SimplePeer {
    constructor(options: Options);
    on(event: 'signal', handler: (signal: Signal) => void): this;
    on(event: 'error', handler: (error: Error) => void): this;
    on(event: 'data' | 'close', handler: () => void): this;
    signal(signal: Signal): void;
    destroy(): void;
  }
}
