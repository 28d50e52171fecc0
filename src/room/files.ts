// What a person says about files goes to whichever of the two doorsteps it is about.

import type { Bytes } from '../protocol/bytes.ts';
import type { Message } from '../protocol/messages.ts';
import type { PersonChannel } from './channel.ts';
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
