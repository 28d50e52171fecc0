// What survives a reload of this tab and nothing else: the room it is in, and its seat there. The browser drops it with
// the tab; it is never written anywhere that outlives it.

import * as v from 'valibot';

const schema = v.strictObject({
  fragment: v.string(),
  peer: v.string(),
  token: v.string(),
  /** base64url of the newest roster seen, for a member who comes back. */
  roster: v.optional(v.string()),
  /** What was offered here and not delivered to everybody: a page that is reloaded has lost the files themselves. */
  offered: v.optional(v.array(v.strictObject({ path: v.string(), size: v.number() }))),
});

/** A file by what a person knows of it. */
export interface Named {
  readonly path: string;
  readonly size: number;
}

export type TabRoom = v.InferOutput<typeof schema>;

const KEY = 'doorstep.room';

/** The room this tab was in, if it was in one. */
export function readTabRoom(): TabRoom | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(sessionStorage.getItem(KEY) ?? 'null'));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

export function writeTabRoom(room: TabRoom | undefined): void {
  try {
    if (room) sessionStorage.setItem(KEY, JSON.stringify(room));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is blocked: a reload will have to open the link again.
  }
}
