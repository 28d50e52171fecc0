import { expect, test } from 'vitest';
import { Failure } from './failure.ts';

test('a failure says its code and what developers need', () => {
  expect(new Failure('protocol', 'unknown frame').message).toBe('protocol: unknown frame');
  expect(new Failure('room-full').message).toBe('room-full');
});

test('a failure passes through layers as it is', () => {
  const failure = new Failure('disk-full');
  expect(Failure.from(failure, 'internal')).toBe(failure);
});

test('a foreign error becomes a failure with the code its layer gives', () => {
  expect(Failure.from(new TypeError('x is undefined'), 'file-changed')).toMatchObject({
    code: 'file-changed',
    detail: 'TypeError x is undefined',
  });
  expect(Failure.from('thrown text')).toMatchObject({ code: 'internal', detail: 'string' });
});
