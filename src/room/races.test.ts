// What two people decide about one file at the same moment, in every order it can be heard in: both end with the same.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Failure } from '../protocol/failure.ts';
import { aliceAndBob, picked } from '../testing/people.ts';
import { hashInStep } from '../testing/scheduler.ts';
import type { DeliveryView, IncomingView } from './views.ts';

beforeEach(() => {
  hashInStep();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const root = new Uint8Array(32).fill(7);
const UNDO_MS = 5_001;

const steps = [
  ...['alice is heard', 'alice is heard', 'bob is heard', 'bob is heard', 'time passes'],
  ...['alice withdraws', 'alice pauses', 'alice resumes', 'alice has sent it all', 'alice cannot read it'],
  ...['bob accepts', 'bob declines', 'bob undoes', 'bob cancels', 'bob pauses', 'bob resumes'],
  ...['bob has it all', 'bob finds it wrong', 'bob has no room', 'bob saves it', 'bob frees its space'],
] as const;
type Step = (typeof steps)[number];

async function twoPeople() {
  const { alice, bob, meeting } = await aliceAndBob();
  await alice.offer([picked('a.txt')], 'bob');
  await meeting.carry();
  const mine = () => bob.incoming.view()[0] as IncomingView;
  const theirs = () => alice.outgoing.view()[0]?.deliveries[0] as DeliveryView;
  const { id } = mine();
  const outId = alice.outgoing.view()[0]?.id ?? '';
  const isServing = () => alice.engine.streams('serve').length > alice.engine.streams('stop').length;
  const isReceiving = () => bob.engine.streams('receive').length > bob.engine.streams('stop').length;
  const isPaused = (person: typeof alice) =>
    person.engine.streams('pause').length > person.engine.streams('resume').length;
  const isWhole = () => isReceiving() && bob.engine.streams('root').length > 0;
  const take: Record<Step, () => unknown> = {
    'alice is heard': () => meeting.carryOneFrom(alice),
    'bob is heard': () => meeting.carryOneFrom(bob),
    'time passes': () => vi.advanceTimersByTime(UNDO_MS),
    'alice withdraws': () => alice.outgoing.withdraw(outId),
    'alice pauses': () => alice.outgoing.pause(outId, 'bob'),
    'alice resumes': () => alice.outgoing.resume(outId, 'bob'),
    'alice has sent it all': () =>
      isServing() && !isPaused(alice) && alice.outgoing.handleServed(alice.engine.last('serve'), root),
    'alice cannot read it': () =>
      isServing() && alice.outgoing.handleTransferFailed(alice.engine.last('serve'), new Failure('file-changed')),
    'bob accepts': () => bob.incoming.accept([id]),
    'bob declines': () => bob.incoming.decline(id),
    'bob undoes': () => bob.incoming.undoDecline(id),
    'bob cancels': () => bob.incoming.cancel(id),
    'bob pauses': () => bob.incoming.pause(id),
    'bob resumes': () => bob.incoming.resume(id),
    'bob has it all': () =>
      isWhole() && bob.incoming.handleStaged(bob.engine.last('receive'), root, new File(['content'], ''), false),
    'bob finds it wrong': () =>
      isReceiving() &&
      !mine().state.startsWith('v') &&
      bob.incoming.handleTransferFailed(bob.engine.last('receive'), new Failure('hash-mismatch')),
    'bob has no room': () => isReceiving() && bob.incoming.handleFull(bob.engine.last('receive')),
    'bob saves it': () => bob.incoming.markSaved([id]),
    'bob frees its space': () => bob.incoming.free([id]),
  };
  const settle = async () => {
    for (let i = 0; i < 3; i++) {
      await meeting.carry();
      vi.advanceTimersByTime(UNDO_MS);
    }
    await meeting.carry();
  };
  return { alice, bob, mine, theirs, take, settle, isServing, isReceiving };
}

/** What the sender sees of a file that its receiver sees so. */
function seenFromThere({ state, failure }: IncomingView): [state: string, cancelled: boolean] {
  switch (state) {
    case 'receiving':
      return ['sending', false];
    case 'saved':
      return ['verified', false];
    case 'declined':
      return failure === 'cancelled' ? ['failed', true] : ['declined', false];
    default:
      return [state, false];
  }
}

const RUNS = 2_000;

test('whatever both do at once, both end with the same, and a file that is over moves no more', async () => {
  const story = fc.asyncProperty(fc.array(fc.constantFrom(...steps), { maxLength: 24 }), async (told) => {
    const two = await twoPeople();
    for (const step of told) await two.take[step]();
    await two.settle();
    const [mine, theirs] = [two.mine(), two.theirs()];
    expect([theirs.state, theirs.failure === 'cancelled']).toEqual(seenFromThere(mine));
    const isMoving = mine.state === 'receiving' || mine.state === 'paused';
    if (isMoving) {
      expect(theirs.pausedBy).toEqual({ us: mine.pausedBy.them, them: mine.pausedBy.us });
      expect(mine.state === 'paused').toBe(mine.pausedBy.us || mine.pausedBy.them);
    }
    expect(two.isServing()).toBe(isMoving);
    expect(two.isReceiving()).toBe(isMoving || mine.isStaged);
    expect(mine.isStaged || mine.state === 'saved').toBe(mine.state === 'verified' || mine.state === 'saved');
  });
  await fc.assert(story, { numRuns: RUNS });
});

test.each<[string, readonly Step[], string]>([
  ['both cancel', ['bob accepts', 'bob is heard', 'alice withdraws', 'bob cancels'], 'withdrawn'],
  ['one says yes while it is withdrawn', ['alice withdraws', 'bob accepts'], 'withdrawn'],
  ['one says no while it is withdrawn', ['bob declines', 'time passes', 'alice withdraws'], 'withdrawn'],
  [
    'it is paused at the last byte',
    ['bob accepts', 'bob is heard', 'alice has sent it all', 'alice is heard', 'bob pauses', 'bob has it all'],
    'verified',
  ],
  [
    'it is withdrawn when all of it is there',
    ['bob accepts', 'bob is heard', 'alice has sent it all', 'alice is heard', 'bob has it all', 'alice withdraws'],
    'verified',
  ],
  ['it fails while it is cancelled', ['bob accepts', 'bob is heard', 'alice cannot read it', 'bob cancels'], 'failed'],
])('when %s, both end with the same', async (_, told, end) => {
  const two = await twoPeople();
  for (const step of told) await two.take[step]();
  await two.settle();
  expect([two.mine().state, two.theirs().state]).toEqual([end, end]);
});
