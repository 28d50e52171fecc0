import { describe, expect, test } from 'vitest';
import type { Note } from '../storage/records.ts';
import { deedOf, isAbout } from './activity.ts';

const note: Note = {
  ...{
    at: 0,
    way: 'in',
    deed: 'verified',
    peer: 'KEY',
    who: 'Bob of the hill',
    path: 'photos/Sea.jpg',
    size: 9,
    bytes: 9,
  },
};

test('says what happened from where it is read', () => {
  expect(deedOf({ way: 'in', deed: 'accepted' })).toBe('You said yes');
  expect(deedOf({ way: 'out', deed: 'accepted' })).toBe('Said yes');
});

describe('a line is found', () => {
  test.each(['', '  ', 'sea', 'SEA.JPG', 'bob', 'hill sea', 'key', 'verified', 'photos 1970'])('by %j', (wanted) => {
    expect(isAbout(note, wanted)).toBe(true);
  });
  test.each(['carol', 'sea carol', 'declined'])('and not by %j', (wanted) => {
    expect(isAbout(note, wanted)).toBe(false);
  });
});
