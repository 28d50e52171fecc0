// The activity log in words.

import type { Note } from '../storage/records.ts';
import { moment } from './format.ts';

const deeds = {
  in: {
    offered: 'Offered to you',
    accepted: 'You said yes',
    declined: 'You said no',
    cancelled: 'You cancelled it',
    withdrawn: 'Taken back',
    verified: 'Received and verified',
    saved: 'Saved',
    failed: 'Failed',
  },
  out: {
    offered: 'You offered it',
    accepted: 'Said yes',
    declined: 'Said no',
    cancelled: 'Cancelled',
    withdrawn: 'You took it back',
    verified: 'Delivered and verified',
    saved: 'Saved',
    failed: 'Failed',
  },
} as const satisfies Record<Note['way'], Record<Note['deed'], string>>;

/** What happened, as whoever looks at the log would say it. */
export function deedOf({ way, deed }: Pick<Note, 'way' | 'deed'>): string {
  return deeds[way][deed];
}

/** Whether every word of `wanted` is in a line of the log: a file's path, a person's name or key, what happened, when. */
export function isAbout(note: Note, wanted: string): boolean {
  const line = [note.path, note.who, note.peer, deedOf(note), moment(note.at), note.root ?? ''].join(' ').toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/u)
    .every((word) => line.includes(word));
}
