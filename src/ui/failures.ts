// A sentence a person understands for every failure, and what to try next. The compiler checks that none is missing.

import type { FailureCode } from '../protocol/failure.ts';
import type { Told } from '../room/surroundings.ts';
import { bytes } from './format.ts';

export interface Sentence {
  /** `about`: the person or file it concerns; may be empty. */
  readonly text: (about: string, told?: Pick<Told, 'needed' | 'free'>) => string;
  /** What to try; may be empty. */
  readonly next: string;
  /** `alert` interrupts a screen reader, `status` waits its turn. */
  readonly role: 'alert' | 'status';
}

const alert = (text: string | Sentence['text'], next = ''): Sentence => ({
  text: typeof text === 'string' ? () => text : text,
  next,
  role: 'alert',
});
const status = (text: string | Sentence['text'], next = ''): Sentence => ({
  ...alert(text, next),
  role: 'status',
});
const whom = (about: string) => about || 'The other side';

export const sentences: Record<FailureCode, Sentence> = {
  'bad-link': alert('This link is not complete or has a typing mistake.', 'Ask for the link again and copy all of it.'),
  'other-version': alert(
    'This link belongs to another version of Doorstep.',
    'Reload the page; if that does not help, ask for a new link.',
  ),
  'insecure-context': alert(
    'This address needs https.',
    'Browsers only allow private connections on https addresses, or on localhost. Open the same address with https://.',
  ),
  'unsupported-browser': alert(
    'This browser cannot connect to other browsers directly.',
    'Doorstep needs WebRTC and Web Workers: use a current Chrome, Edge, Firefox or Safari.',
  ),
  'authentication-failed': alert(
    (about) => `${whom(about)} could not prove who they are, so the connection was closed.`,
    'If this happens again, somebody may be interfering: ask for a new link over another channel.',
  ),
  'no-answer': status(
    'Nobody answers the door.',
    'Whoever sent you the link has to have the page open. This page goes on ringing; if they are there, something is in the way: try another network.',
  ),
  'turned-away': status(
    (about) => (about ? `${about} turned you away.` : 'You were turned away.'),
    'You can knock again, or ask them.',
  ),
  removed: status('You were taken out of this room.', 'What had arrived whole is still here. You can knock again.'),
  'room-locked': status('This room is locked.', 'Ask its host to unlock it, then knock again.'),
  'room-expired': status('This room has expired.', 'Ask for a new link.'),
  'room-busy': status('Too many people are knocking.', 'Wait ten seconds and knock again.'),
  'roster-conflict': alert(
    'The host of this room signed two different lists of who is in it.',
    'Somebody may be using a copy of the host’s browser. Ask them before you accept anything.',
  ),
  'sas-differs': alert(
    (about) => `${whom(about)} is not who they seem, and was blocked.`,
    'Different emoji mean that somebody sits between you, or answers in their place. Make a new room and send its link another way.',
  ),
  'open-elsewhere': status('This room is open in another tab.', 'Use it here, and the other tab lets go of it.'),
  'identity-not-kept': status(
    'This browser does not let Doorstep keep anything.',
    'Others will see you as somebody new next time. A normal (not private) window remembers you.',
  ),
  'no-signaling': alert(
    'The meeting point cannot be reached.',
    'Nobody new can come in until it is back. Files already on their way go on. This page keeps trying.',
  ),
  'server-full': alert('The meeting point is full.', 'This page keeps trying. Files already on their way go on.'),
  'too-many-sockets': alert(
    'Too many pages on your network are at this meeting point.',
    'Close those you do not need. This page keeps trying.',
  ),
  'too-many-joins': alert(
    'Your network came to this meeting point too often.',
    'Wait a minute: this page keeps trying by itself.',
  ),
  'too-many-rooms': alert(
    'Too many new rooms were made from your network.',
    'Wait a minute: this page keeps trying by itself.',
  ),
  'too-fast': alert(
    'This page said too much to the meeting point at once.',
    'It keeps trying, more slowly. Files already on their way go on.',
  ),
  'too-slow': alert(
    'Your connection to the meeting point is too slow.',
    'This page keeps trying. Files already on their way go on.',
  ),
  'other-origin': alert(
    'The meeting point does not take visitors from this address.',
    'Open Doorstep at the address its operator gave you.',
  ),
  'room-full': alert('This room is full.', 'Somebody has to leave first; then open the link again.'),
  'seat-taken': alert('This room is open in another tab.', 'Go on there, or close that tab and reload this one.'),
  'connection-failed': alert(
    (about) => `No direct connection to ${whom(about)} came about.`,
    'A firewall may be blocking it. Try another network on one side, a phone hotspot for example.',
  ),
  'no-relay': alert(
    'Your address stays hidden, but there is no relay to hide it behind.',
    'So nobody can be connected to you. Try again later, or stop hiding your address, under “This device”.',
  ),
  'peer-gone': status((about) => `${whom(about)} is out of reach.`, 'What was cut off goes on when they are back.'),
  protocol: alert(
    (about) => `${whom(about)} sent something that makes no sense, so the connection was closed.`,
    'Nothing was written. If you trust them, both of you should reload the page.',
  ),
  'file-changed': alert('This file changed while it was being sent.', 'Offer it again.'),
  'file-unreadable': alert('This file can no longer be read.', 'It may have been moved or deleted. Offer it again.'),
  'no-space': alert(
    (_, told) => `This needs ${bytes(told?.needed ?? 0)}, and ${bytes(told?.free ?? 0)} are free here.`,
    'Nothing was fetched. Make some space, or accept fewer files at a time.',
  ),
  'disk-full': alert('There is no room left on this device.', 'Make some space and go on.'),
  'memory-full': alert(
    'This browser has no disk space for Doorstep here, and its memory is full.',
    'Save what has arrived and leave the room, or use a normal (not private) window.',
  ),
  'memory-only': status(
    'This window cannot use the disk, so files wait in memory, 256 MB at most.',
    'For larger files use a normal (not private) window.',
  ),
  'hash-mismatch': alert('What arrived is not what was sent, so it was thrown away.', 'Ask for the file again.'),
  'asked-too-often': alert(
    'The same bytes were asked for again and again, so sending stopped.',
    'Offer the file again.',
  ),
  'too-large': alert('One of these files is larger than 128 GB.', 'Split it first.'),
  'too-many-files': alert('That is more than 10,000 files at once.', 'Put them into an archive first.'),
  'text-too-long': alert('This text is longer than 64 KB.', 'Save it as a file, and offer the file.'),
  'too-many-texts': alert('That is more than 30 texts in a minute.', 'Wait a minute, or offer them as one file.'),
  'empty-offer': alert('No file is ticked.', 'Tick at least one, or go back.'),
  'save-failed': alert('Saving did not work.', 'Save the files one by one.'),
  'bad-deny-list': alert(
    (about) => (about ? `Line ${about} of this list is no SHA-256, or one too many.` : 'This list cannot be read.'),
    'A list has a SHA-256 in hex to a line, as sha256sum writes them, and at most 100,000 of them. Nothing was changed.',
  ),
  withdrawn: status('This file was taken back.'),
  cancelled: status('Cancelled.'),
  internal: alert('Something broke in this page.', 'Reload it. What has not been saved will be asked for again.'),
};
