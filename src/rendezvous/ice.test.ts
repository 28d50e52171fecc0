import { expect, test } from 'vitest';
import { iceConfiguration } from './ice.ts';

const turn = { urls: ['turn:turn.example'], username: '1:a', credential: 'b' };
const stun = { urls: ['stun:stun.example'] };

test.each<[string, Parameters<typeof iceConfiguration>, RTCConfiguration]>([
  ['nothing was named', [undefined, false], { iceServers: [] }],
  ['STUN was', [{ stun: stun.urls }, false], { iceServers: [stun] }],
  ['TURN was', [{ stun: [], turn }, false], { iceServers: [turn] }],
  ['both were', [{ stun: stun.urls, turn }, false], { iceServers: [stun, turn] }],
  [
    'both were, and the address is hidden',
    [{ stun: stun.urls, turn }, true],
    { iceServers: [turn], iceTransportPolicy: 'relay' },
  ],
  ['STUN was, and the address is hidden', [{ stun: stun.urls }, true], { iceServers: [], iceTransportPolicy: 'relay' }],
  ['nothing was, and the address is hidden', [undefined, true], { iceServers: [], iceTransportPolicy: 'relay' }],
])('when %s', (_, given, configuration) => {
  expect(iceConfiguration(...given)).toEqual(configuration);
});
