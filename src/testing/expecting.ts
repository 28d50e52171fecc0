// What tests expect again and again: "refused" in the one error type of the app, and bytes that are the same.

import { expect } from 'vitest';
import { equal, toHex } from '../protocol/bytes.ts';
import { Failure, type FailureCode } from '../protocol/failure.ts';

/** What an action returned, or the Failure it threw. Anything else it threw goes on: no foreign error may get out. */
export function valueOrFailure<T>(action: () => T): T | Failure {
  try {
    return action();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

/** The same for something that takes time. */
export function settled<T>(action: Promise<T>): Promise<T | Failure> {
  return action.catch((error: unknown) => {
    if (error instanceof Failure) return error;
    throw error;
  });
}

/** Matches a Failure with this code. */
export function failureOf(code: FailureCode): unknown {
  return expect.objectContaining({ name: 'Failure', code });
}

/** Holds that an action throws a Failure with this code. */
export function expectFailure(action: () => unknown, code: FailureCode): void {
  expect(valueOrFailure(action)).toEqual(failureOf(code));
}

/** Holds that bytes are the same, in a fraction of the time `toEqual` takes: properties compare millions. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (!equal(actual, expected)) expect(toHex(actual)).toBe(toHex(expected));
}
