// The consent invariants of safety.md, each by its name, over stories of three people who change their minds, lose their
// connections, reload and lie, in random orders. These are about what goes out; what comes in is in consent-in.test.ts.

import { describe, test } from 'vitest';
import { fromBase64url } from '../protocol/bytes.ts';
import { riskOf } from '../safety/file-type.ts';
import { isData } from '../testing/doorsteps.ts';
import { DEEP_MS, holds, inStep, rowsOf, wayOf, withYeses } from '../testing/holding.ts';

inStep();

describe('consent', { timeout: DEEP_MS }, () => {
  test('C1: no byte goes out before a yes that names it, in the same session', () =>
    holds({
      oftener: ['replay an accept', 'alter an accept', 'ask for anything'],
      watch: (story, seen) =>
        withYeses((yeses, end, { stream }) => {
          seen.add('bytes went out');
          if (!yeses.fileOn(end, stream)) story.violated(`${wayOf(end)} sent ${stream} without a yes`);
        }),
      happened: ['bytes went out'],
    }));

  test('C3: what carries bytes carries a stream its receiver chose', () =>
    holds({
      oftener: ['ask for anything', 'accept'],
      watch: (story, seen) => {
        const chosen = new Set<string>();
        return {
          heard: (end, message) => {
            if (message.type !== 'accept') return;
            for (const { files } of message.offers)
              for (const { stream } of files) chosen.add(`${wayOf(end)} ${stream}`);
          },
          sent: (end, frame) => {
            if (!isData(frame)) return;
            seen.add('bytes went out');
            if (!chosen.has(`${wayOf(end)} ${frame.stream}`)) story.violated(`${frame.stream} was nobody’s choice`);
          },
        };
      },
      happened: ['bytes went out'],
    }));

  test('C4: nothing is written but what was accepted, while it is wanted, and within its size', () =>
    holds({
      oftener: ['send anything', 'send again', 'cancel'],
      watch: (story, seen) => ({
        wrote: (by, { size, freed }, at, { length }) => {
          seen.add('bytes were written');
          // A liar may offer what another offered: then there are two of a size.
          const rows = by.incoming.view().filter((one) => one.size === size);
          const wanted = rows.some(({ id, state }) => by.yes.has(id) && (state === 'receiving' || state === 'paused'));
          if (!wanted || freed) story.violated(`${by.name} wrote what is ${rows.map(({ state }) => state).join(', ')}`);
          if (at + length > size) story.violated(`${by.name} wrote past the end`);
        },
      }),
      finally: (story, seen) => {
        for (const { row } of rowsOf(story)) seen.add(row.failure ?? row.state);
      },
      happened: ['bytes were written', 'cancelled', 'declined', 'verified'],
    }));

  test('C5: a yes is to one file, and "accept all" is never one to a dangerous file', () =>
    holds({
      oftener: ['accept all', 'offer'],
      watch: (story, seen) => ({
        said: (end, message) => {
          if (message.type !== 'accept') return;
          for (const { fileId } of message.offers.flatMap(({ files }) => files)) {
            seen.add('yes');
            if (!end.owner.yes.has(`${end.peer} ${fileId}`)) story.violated(`${end.owner.name} was not asked`);
          }
        },
      }),
      after: (story, verb, who, seen) => {
        if (verb !== 'accept all') return;
        for (const { id, name, state } of who.incoming.view()) {
          if (riskOf(name) !== 'dangerous') continue;
          if (state === 'offered') seen.add('dangerous, and left alone');
          if (state === 'offered' && who.yes.has(id)) story.violated(`${name} was taken with the others`);
        }
      },
      happened: ['yes', 'dangerous, and left alone'],
    }));

  test('C6: a yes to another offer than the one that was made moves nothing', () =>
    holds({
      oftener: ['alter an accept', 'accept', 'replay an accept'],
      watch: (story, seen) => {
        const book = withYeses((yeses, end, { stream }) => {
          if (!yeses.fileOn(end, stream) && yeses.strange.has(`${wayOf(end)} ${stream}`))
            story.violated('sent what was not offered');
        });
        return {
          ...book,
          heard: (end, message) => {
            book.heard?.(end, message);
            if (message.type === 'accept') seen.add('an accept was heard');
          },
        };
      },
      happened: ['an accept was heard'],
    }));

  test('C7: ids of files are 128 random bits, others for each person, and another’s is worth nothing', () =>
    holds({
      oftener: ['accept another’s', 'offer'],
      watch: (story, seen) => {
        const owners = new Map<string, string>();
        const book = withYeses((yeses, end, { stream }) => {
          const owner = owners.get(yeses.fileOn(end, stream) ?? '');
          seen.add('bytes went out');
          if (owner !== `${end.owner.name} ${end.peer}`)
            story.violated(`${end.peer} got what was offered to ${owner ?? 'nobody'}`);
        });
        return {
          ...book,
          said: (end, message) => {
            book.said?.(end, message);
            if (message.type !== 'offer') return;
            for (const { fileId } of message.files) {
              const pair = `${end.owner.name} ${end.peer}`;
              if (fromBase64url(fileId)?.length !== 16) story.violated('an id of another length');
              if ((owners.get(fileId) ?? pair) !== pair) story.violated('one id for two people');
              owners.set(fileId, pair);
            }
          },
        };
      },
      happened: ['bytes went out'],
    }));

  test('C10: nothing of a file is sent after it was taken back', () =>
    holds({
      oftener: ['withdraw', 'carry'],
      watch: (story, seen) => {
        const sizes = new Map<string, number>();
        const book = withYeses((yeses, end, { stream }) => {
          const file = story.memory.files.get(sizes.get(yeses.fileOn(end, stream) ?? '') ?? NaN);
          seen.add('bytes went out');
          if (file?.withdrawn) story.violated(`${file.path} was sent after it was taken back`);
        });
        return {
          ...book,
          said: (end, message) => {
            book.said?.(end, message);
            if (message.type === 'offer') for (const { fileId, size } of message.files) sizes.set(fileId, size);
          },
        };
      },
      after: (story, verb, who, seen) => {
        if (
          verb === 'withdraw' &&
          who.outgoing
            .view()
            .some(({ deliveries }) => deliveries.some(({ state, bytes }) => state === 'withdrawn' && bytes >= 0))
        )
          seen.add('taken back');
        for (const end of who.sessions.values())
          if (end.data.bufferedAmount > 2 ** 20) story.violated('more than a MiB was buffered');
      },
      happened: ['bytes went out', 'taken back'],
    }));
});
