// The engine without a worker: it notes what it was told, and moves nothing.

import type { Engine, EngineEvents, Transfer } from '../transfer/client.ts';

type Call = 'serve' | 'receive' | 'pause' | 'resume' | 'root' | 'stop';

export class FakeEngine implements Engine {
  events: EngineEvents | undefined;
  staging: 'disk' | 'memory' | undefined = 'disk';
  lost = false;
  /** What it was told is being downloaded. */
  readonly downloads: { partials: readonly string[]; others: boolean }[] = [];
  readonly #calls: [call: Call, transfer: Transfer][] = [];
  #lanes = 0;

  /** The streams it was told this about, in order. */
  streams(call: Call): number[] {
    return this.#calls.filter(([name]) => name === call).map(([, { stream }]) => stream);
  }

  /** The transfer it was first told this about. */
  first(call: Call): Transfer {
    const found = this.#calls.find(([name]) => name === call);
    if (!found) throw new Error(`the engine was never told to ${call}`);
    return found[1];
  }

  /** The transfer it was last told this about. */
  last(call: Call): Transfer {
    const found = this.#calls.findLast(([name]) => name === call);
    if (!found) throw new Error(`the engine was never told to ${call}`);
    return found[1];
  }

  adopt(): number {
    return ++this.#lanes;
  }
  open(): void {
    // Nothing travels here.
  }
  ask(): void {
    // Nothing travels here.
  }
  close(): void {
    // Nothing travels here.
  }
  keepForDownload(partials: readonly string[], others: boolean): void {
    this.downloads.push({ partials, others });
  }
  drop(): void {
    // Nothing is kept here.
  }

  readonly serve = this.#note('serve');
  readonly receive = this.#note('receive');
  readonly pause = this.#note('pause');
  readonly resume = this.#note('resume');
  readonly root = this.#note('root');
  readonly stop = this.#note('stop');

  #note(call: Call): (transfer: Transfer) => void {
    return (transfer) => {
      this.#calls.push([call, transfer]);
    };
  }
}
