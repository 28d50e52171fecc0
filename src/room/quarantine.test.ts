// What is received waits: for its first bytes to be looked at, for scanners, for the second yes.

import { expect, test } from 'vitest';
import type { Verdict } from '../safety/file-type.ts';
import { aliceAndBob, messageOf, picked } from '../testing/people.ts';

const root = new Uint8Array(32);
const lie: Verdict = { risk: 'dangerous', warning: 'Looks like a Windows program, named .jpg.', lie: true };

/** A file Alice offered and Bob said yes to. */
async function accepted(path: string) {
  const { alice, bob, meeting } = await aliceAndBob();
  await alice.offer([picked(path)], 'bob');
  await meeting.carry();
  const row = () => bob.incoming.view()[0];
  const id = row()?.id ?? '';
  bob.incoming.accept([id]);
  await meeting.carry();
  const transfer = bob.engine.first('receive');
  return {
    ...{ alice, bob, meeting, id, row, transfer },
    isWhole: (scanning = false) => {
      bob.incoming.handleStaged(transfer, root, new File(['content'], ''), scanning);
    },
    canSave: () => bob.incoming.staged([id]).length === 1,
  };
}

test('a file that is not what its name says pauses at its first bytes and asks', async () => {
  const { alice, bob, meeting, id, row, transfer } = await accepted('photo.jpg');
  expect(row()).toMatchObject({ risk: 'ordinary', doubted: false });
  bob.incoming.handleJudged(transfer, lie);
  expect(row()).toMatchObject({
    ...{ state: 'paused', risk: 'dangerous', warning: lie.warning, doubted: true },
    pausedBy: { us: true, them: false },
  });
  expect(bob.engine.streams('pause')).toEqual([transfer.stream]);
  messageOf(await meeting.carryFrom(bob), 'pause');
  expect(alice.outgoing.view()[0]?.deliveries[0]?.state).toBe('paused');

  // Not by "Resume all", which says nothing of it.
  bob.incoming.resume(id);
  expect(row()).toMatchObject({ state: 'paused', doubted: true });
  bob.incoming.goOnAnyway(id);
  expect(row()).toMatchObject({ state: 'receiving', doubted: false, warning: lie.warning });
});

test('a yes is to what was said: something else under it asks anew', async () => {
  const { bob, meeting, id, row, transfer } = await accepted('photo.jpg');
  bob.incoming.handleJudged(transfer, { risk: 'caution', warning: 'Looks like a document, named .jpg.', lie: true });
  bob.incoming.goOnAnyway(id);
  meeting.end();
  await meeting.begin();
  await meeting.carry();
  expect(row()?.state).toBe('receiving');
  bob.incoming.handleJudged(bob.engine.last('receive'), lie);
  expect(row()).toMatchObject({ state: 'paused', doubted: true, risk: 'dangerous' });
});

test('that yes holds for as long as the page: cut off and gone on with, it is not asked for again', async () => {
  const { bob, meeting, id, row, transfer } = await accepted('photo.jpg');
  bob.incoming.handleJudged(transfer, lie);
  bob.incoming.goOnAnyway(id);
  meeting.end();
  await meeting.begin();
  await meeting.carry();
  expect(row()?.state).toBe('receiving');
  bob.incoming.handleJudged(bob.engine.last('receive'), lie);
  expect(row()).toMatchObject({ state: 'receiving', doubted: false });
});

test('without it a file that was cut off is still in doubt when it goes on', async () => {
  const { bob, meeting, row, transfer } = await accepted('photo.jpg');
  bob.incoming.handleJudged(transfer, lie);
  meeting.end();
  await meeting.begin();
  await meeting.carry();
  expect(row()).toMatchObject({ state: 'paused', doubted: true });
});

test('worse than its name, but no lie, asks only when it can harm', async () => {
  const first = await accepted('letter.docx');
  first.bob.incoming.handleJudged(first.transfer, { risk: 'caution', warning: '', lie: false });
  expect(first.row()).toMatchObject({ state: 'receiving', risk: 'caution' });
  const second = await accepted('letter.docx');
  second.bob.incoming.handleJudged(second.transfer, { risk: 'dangerous', warning: 'It has macros.', lie: false });
  expect(second.row()).toMatchObject({ state: 'paused', risk: 'dangerous', doubted: true });
});

test('a lie that was whole before it could be paused is saved only with a second yes', async () => {
  const { bob, id, row, transfer, isWhole, canSave } = await accepted('notes.txt');
  bob.incoming.handleJudged(transfer, { risk: 'caution', warning: 'Looks like a picture, named .txt.', lie: true });
  isWhole();
  expect(row()).toMatchObject({ state: 'verified', saveNeeds: 'yes' });
  expect(canSave()).toBe(false);
  bob.incoming.confirm(id);
  expect(row()?.saveNeeds).toBe('nothing');
  expect(canSave()).toBe(true);
});

test('what is dangerous by its name takes a second yes too, and what is ordinary takes none', async () => {
  const tool = await accepted('tool.exe');
  tool.isWhole();
  expect(tool.canSave()).toBe(false);
  tool.bob.incoming.confirm(tool.id);
  expect(tool.canSave()).toBe(true);

  const text = await accepted('notes.txt');
  text.isWhole();
  expect(text.row()?.saveNeeds).toBe('nothing');
  expect(text.canSave()).toBe(true);
});

test('a second yes cannot be given before the file is here', async () => {
  const { bob, id, isWhole, canSave } = await accepted('tool.exe');
  bob.incoming.confirm(id);
  isWhole();
  expect(canSave()).toBe(false);
});

test('while it is looked through it cannot be saved', async () => {
  const { bob, row, transfer, isWhole, canSave } = await accepted('notes.txt');
  isWhole(true);
  expect(row()).toMatchObject({ state: 'verified', scanning: true });
  expect(canSave()).toBe(false);
  bob.incoming.handleScanned(transfer, []);
  expect(row()).toMatchObject({ scanning: false, found: [], risk: 'ordinary', saveNeeds: 'nothing' });
  expect(canSave()).toBe(true);
});

test('what something was found in is saved by its name, typed exactly, and no other way', async () => {
  const { bob, id, row, transfer, isWhole, canSave } = await accepted('notes.txt');
  isWhole(true);
  bob.incoming.confirm(id, 'notes.txt');
  bob.incoming.handleScanned(transfer, ['A virus.']);
  expect(row()).toMatchObject({ risk: 'dangerous', found: ['A virus.'], saveNeeds: 'name' });
  for (const typed of [undefined, '', 'notes', 'Notes.txt', 'notes.txt ']) bob.incoming.confirm(id, typed);
  expect(canSave()).toBe(false);
  bob.incoming.confirm(id, 'notes.txt');
  expect(canSave()).toBe(true);
});

test('a text is not taken for what it is about, and can be read before any second yes', async () => {
  const { alice, bob, meeting } = await aliceAndBob();
  await alice.offer([{ ...picked('Text.txt', '<!doctype html>'), snippet: 'first words' }], 'bob');
  await meeting.carry();
  const [row] = bob.incoming.view();
  bob.incoming.accept([row?.id ?? '']);
  const transfer = bob.engine.first('receive');
  expect(bob.incoming.text(row?.id ?? '')).toBeUndefined();
  bob.incoming.handleJudged(transfer, lie);
  bob.incoming.handleStaged(transfer, root, new File(['<!doctype html>'], ''), true);
  expect(bob.incoming.view()).toMatchObject([{ state: 'verified', risk: 'ordinary', doubted: false }]);
  expect(await bob.incoming.text(row?.id ?? '')?.text()).toBe('<!doctype html>');
});

test('a text under another name than a text’s is looked at like any file', async () => {
  const { alice, bob, meeting } = await aliceAndBob();
  await alice.offer([{ ...picked('invoice.pdf'), snippet: 'first words' }], 'bob');
  await meeting.carry();
  const [row] = bob.incoming.view();
  bob.incoming.accept([row?.id ?? '']);
  bob.incoming.handleJudged(bob.engine.first('receive'), lie);
  expect(bob.incoming.view()).toMatchObject([{ risk: 'dangerous', saveNeeds: 'yes' }]);
});

test('what was thrown away is gone, and what was found in it then is nobody’s business', async () => {
  const { bob, meeting, id, row, transfer, isWhole, canSave } = await accepted('notes.txt');
  isWhole(true);
  bob.incoming.throwAway(id);
  expect(row()).toMatchObject({ state: 'declined', isStaged: false, scanning: false });
  expect(bob.engine.streams('stop')).toEqual([transfer.stream]);
  bob.incoming.handleScanned(transfer, ['A virus.']);
  expect(row()?.found).toEqual([]);
  expect(canSave()).toBe(false);
  // Its sender knows that it came whole; that nobody wanted it then is not theirs to know.
  const said = await meeting.carryFrom(bob);
  expect(said.map(({ type }) => type)).toEqual(['verified']);
});
