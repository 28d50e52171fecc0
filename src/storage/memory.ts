// Staging in memory, for browsers without an origin private file system (Firefox's private windows among them). It is
// bounded for the whole page, and the page says that it is used.

import { type Bytes } from '../protocol/bytes.ts';
import { Failure } from '../protocol/failure.ts';
import { MiB } from '../protocol/limits.ts';
import type { Sink, Staging } from './sink.ts';

const MAX_BYTES = 256 * MiB;

/** Staging that holds at most `maxBytes` in all. */
export function memoryStaging(maxBytes = MAX_BYTES): Staging {
  let held = 0;
  return {
    kind: 'memory',
    open(size): Promise<Sink> {
      if (held + size > maxBytes) {
        return Promise.reject(new Failure('memory-full', `${size} bytes over ${maxBytes - held}`));
      }
      held += size;
      let whole: Bytes | undefined = new Uint8Array(size);
      return Promise.resolve({
        write(at, bytes) {
          whole?.set(bytes, at);
        },
        finish: () => Promise.resolve(new File(whole ? [whole] : [], '')),
        discard() {
          if (whole) held -= size;
          whole = undefined;
          return Promise.resolve();
        },
      });
    },
  };
}
