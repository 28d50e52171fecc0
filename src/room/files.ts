// What a person says about files, and what the engine does with them, goes to whichever of the two doorsteps it is about.

import type { Bytes } from '../protocol/bytes.ts';
import type { Message } from '../protocol/messages.ts';
import type { PersonChannel } from './channel.ts';
import type { EngineEvents } from '../transfer/client.ts';
import type { IncomingFiles } from './incoming.ts';
import type { OutgoingFiles } from './outgoing.ts';

export interface Files {
  readonly incoming: IncomingFiles;
  readonly outgoing: OutgoingFiles;
}

/** Takes a message of a person; one that is not about files is left alone. Throws Failure('protocol'). */
export function hearOfFiles(
  { incoming, outgoing }: Files,
  channel: PersonChannel,
  message: Message,
  hash: Bytes | undefined,
): void {
  const { peer } = channel;
  switch (message.type) {
    // Either side says these, and ids are never the same.
    case 'failed':
      incoming.handleFailed(peer, message.fileIds, message.code);
      outgoing.handleFailed(peer, message.fileIds, message.code);
      return;
    case 'pause':
    case 'resume':
      incoming.handlePause(peer, message.fileIds, message.type === 'pause');
      outgoing.handlePause(peer, message.fileIds, message.type === 'pause');
      return;
    default:
      if (!incoming.handle(channel, message, hash)) outgoing.handle(channel, message);
  }
}

/** Takes what comes of transfers to the files they are of; `then` runs after each. */
export function listenToTransfers(
  { incoming, outgoing }: Files,
  then: () => void,
): Pick<EngineEvents, 'progress' | 'served' | 'judged' | 'staged' | 'scanned' | 'full' | 'notKept' | 'failed'> {
  const side = (way: 'in' | 'out') => (way === 'out' ? outgoing : incoming);
  const after =
    <T extends unknown[]>(take: (...told: T) => void) =>
    (...told: T) => {
      take(...told);
      then();
    };
  return {
    progress: after((moved) => {
      for (const one of moved) side(one.way).handleProgress(one);
    }),
    served: after((transfer, root) => outgoing.handleServed(transfer, root)),
    judged: after((transfer, verdict) => incoming.handleJudged(transfer, verdict)),
    staged: after((transfer, root, file, scanning) => incoming.handleStaged(transfer, root, file, scanning)),
    scanned: after((transfer, found) => incoming.handleScanned(transfer, found)),
    full: after((transfer) => incoming.handleFull(transfer)),
    notKept: after((transfer) => incoming.handleNotKept(transfer)),
    failed: after((transfer, failure) => side(transfer.way).handleTransferFailed(transfer, failure)),
  };
}
