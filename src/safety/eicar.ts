// The EICAR test file (eicar.org, "Anti-Malware Testfile"): harmless, and agreed to be found by every scanner. So that
// anybody can see what Doorstep does when something is found.

import type { Scanner } from './scanner.ts';

/** In two halves: whole, this very file would be taken away by the scanners of those who build it. */
export const EICAR_HALVES = [String.raw`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-`, 'ANTIVIRUS-TEST-FILE!$H+H*'];
const MIN_BYTES = 68;
/** With the white space that may follow: space, tab, line feed, carriage return, and the end of a file as CP/M wrote it. */
const MAX_BYTES = 128;
const WHITE = [0x20, 0x09, 0x0a, 0x0d, 0x1a];

/** Finds the EICAR test file: its 68 bytes, and nothing behind them but white space, 128 bytes in all. */
export const eicarScanner: Scanner = {
  wants: (size) => size >= MIN_BYTES && size <= MAX_BYTES,
  begin: () => {
    const bytes: number[] = [];
    return {
      add: (more) => void bytes.push(...more),
      end: () => {
        const text = String.fromCharCode(...bytes.slice(0, MIN_BYTES));
        const isIt = text === EICAR_HALVES.join('') && bytes.slice(MIN_BYTES).every((byte) => WHITE.includes(byte));
        return isIt ? 'This is the EICAR test file, which stands for a virus.' : undefined;
      },
    };
  },
};
