// What happened to files, in the order it happened: what each side can say afterwards of what was offered, taken and left.

import type { Note } from '../storage/records.ts';

/** `declined`, `cancelled`, `withdrawn`, `verified` and `failed` end a file: of those there is one for each file and person. */
export type Deed = Note['deed'];

/** A line of the log as the room knows it: not when, nor what its person calls the other. */
export type Activity = Omit<Note, 'at' | 'who'>;

/** Notes an activity; never throws. */
export type Log = (activity: Activity) => void;
