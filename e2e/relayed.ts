// People whose every connection goes through a TURN server: the app is unchanged, its RTCPeerConnection is wrapped.

import type { Coturn } from './coturn.ts';
import type { Person } from './person.ts';

/** Makes all pages of this browser reach others by this TURN server and in no other way; before `open`. */
export async function relayOnly(person: Person, iceServer: ReturnType<typeof Coturn.iceServer>): Promise<void> {
  await person.context.addInitScript((server) => {
    const standing = { made: [] as RTCPeerConnection[], peak: 0 };
    window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
      // A method: the TypeScript runner would wrap an arrow function in a helper the page does not have.
      construct(target, [given]: [RTCConfiguration?], made) {
        const config = { ...given, iceServers: [server], iceTransportPolicy: 'relay' };
        const connection = Reflect.construct(target, [config], made) as RTCPeerConnection;
        standing.made.push(connection);
        // Looked up, not counted along: a connection that is closed says nothing of it.
        connection.addEventListener('connectionstatechange', () => {
          const now = standing.made.filter(({ connectionState }) => connectionState === 'connected').length;
          standing.peak = Math.max(standing.peak, now);
        });
        return connection;
      },
    });
    Object.assign(window, { standing });
  }, iceServer);
}

/** The most connections that stood at once since the page was opened. */
export function peakConnections({ page }: Person): Promise<number> {
  return page.evaluate(() => (Reflect.get(window, 'standing') as { peak: number }).peak);
}
