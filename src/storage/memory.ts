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
      let whole: Bytes | undefined;
      try {
        whole = new Uint8Array(size);
      } catch (error) {
        return Promise.reject(Failure.from(error, 'memory-full'));
      }
      held += size;
      let freed = false;
      return Promise.resolve({
        write(at, bytes) {
          whole?.set(bytes, at);
        },
        finish() {
          const file = new File(whole ? [whole] : [], '');
          // The file has a copy of its own.
          whole = undefined;
          return Promise.resolve(file);
        },
        discard() {
          if (!freed) held -= size;
          freed = true;
          whole = undefined;
          return Promise.resolve();
        },
      });
    },
  };
}
