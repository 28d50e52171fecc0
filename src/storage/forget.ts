// Forgetting this device: what a person may ask for, and what leaves nothing behind.

import { forgetRecords } from './records.ts';

/** Forgets everything this browser ever kept: key, people, rooms, staging, caches and the tab's room. */
export async function forgetDevice(): Promise<void> {
  await forgetRecords().catch(() => undefined);
  sessionStorage.clear();
  localStorage.clear();
  for (const name of await caches.keys().catch(() => [])) await caches.delete(name);
  const root = await navigator.storage.getDirectory().catch(() => undefined);
  if (!root) return;
  const names: string[] = [];
  for await (const name of root.keys()) names.push(name);
  // What a page of another tab holds open stays until that page is gone; its sweeper takes it then.
  for (const name of names) await root.removeEntry(name, { recursive: true }).catch(() => undefined);
}
