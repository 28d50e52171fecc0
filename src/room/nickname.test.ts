import fc from 'fast-check';
import { expect, test } from 'vitest';
import { id } from '../testing/arbitraries.ts';
import { nickname } from './nickname.ts';

test('every peer id has two words, always the same', () => {
  const words = fc.property(id, (peer) => {
    expect(nickname(peer)).toMatch(/^[A-Z][a-z]+ [A-Z][a-z]+$/);
    expect(nickname(peer)).toBe(nickname(peer));
  });
  fc.assert(words);
});
