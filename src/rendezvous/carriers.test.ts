import { expect, test } from 'vitest';
import { Failure } from '../protocol/failure.ts';
import type { CarrierEvents } from './carrier.ts';
import { Carriers } from './carriers.ts';

const [ALICE, BOB, CAROL] = ['alice', 'bob', 'carol'] as const;
const box = new Uint8Array([1]);

/** Alice, who is linked with Bob, and looks for Carol. */
function alice() {
  const went: string[] = [];
  const told: unknown[][] = [];
  const links = [BOB];
  let server: CarrierEvents | undefined;
  const tell =
    (name: string) =>
    (...args: unknown[]) =>
      void told.push([name, ...args]);
  const carriers = new Carriers(
    {
      self: ALICE,
      ways: () => links.map((peer) => ({ peer, send: ({ to }) => went.push(`${to} by ${peer}`) })),
      isMember: (peer) => [ALICE, BOB, CAROL].includes(peer as typeof ALICE),
      openServer: (events) => {
        server = events;
        return { send: (to) => went.push(`${to} by the server`), close: tell('closed the server') };
      },
    },
    {
      ...{ joined: tell('joined'), arrived: tell('arrived'), left: tell('left'), box: tell('box') },
      ...{ lost: tell('lost'), refused: tell('refused') },
    },
  );
  if (!server) throw new Error('it opens the server at once');
  const toCarol = (by?: string) => {
    carriers.send(CAROL, box, by);
    return went.at(-1);
  };
  return { carriers, server, told, links, toCarol };
}

test('the server is preferred while it is there and has the other side', () => {
  const { server, toCarol, carriers } = alice();
  expect(toCarol()).toBe('carol by bob');
  server.joined([BOB, CAROL]);
  expect(toCarol()).toBe('carol by the server');
  server.left(CAROL);
  expect([toCarol(), carriers.reaches(CAROL)]).toEqual(['carol by bob', true]);
  server.arrived(CAROL);
  expect(toCarol()).toBe('carol by the server');
  server.lost(new Failure('no-signaling'));
  expect(toCarol()).toBe('carol by bob');
  server.joined([CAROL]);
  server.refused(new Failure('seat-taken'));
  expect(toCarol()).toBe('carol by bob');
});

test('after a dial in vain the other way is tried, in turn', () => {
  const { server, toCarol, carriers, links } = alice();
  server.joined([CAROL]);
  const ways = [1, 2, 3].map(() => {
    const way = toCarol();
    carriers.failed(CAROL);
    return way;
  });
  expect(ways).toEqual(['carol by the server', 'carol by bob', 'carol by the server']);
  expect(toCarol(), 'not asked in vain again').toBe('carol by bob');
  links.pop();
  expect(toCarol(), 'with nobody to pass it on').toBe('carol by the server');
});

test('what answers goes the way it was asked', () => {
  const { server, toCarol } = alice();
  server.joined([CAROL]);
  expect([toCarol(BOB), toCarol()]).toEqual(['carol by bob', 'carol by the server']);
});

test('all is told on, also what came in a link and by whom', () => {
  const { server, carriers, told } = alice();
  server.joined([BOB]);
  server.arrived(CAROL);
  server.box(CAROL, box);
  carriers.handle({ peer: BOB }, { to: ALICE, from: CAROL, box: 'AQ' });
  server.left(CAROL);
  server.lost(new Failure('no-signaling'));
  carriers.close();
  expect(told).toEqual([
    ['joined', [BOB]],
    ['arrived', CAROL],
    ['box', CAROL, box],
    ['box', CAROL, box, BOB],
    ['left', CAROL],
    ['lost', new Failure('no-signaling')],
    ['closed the server'],
  ]);
});
