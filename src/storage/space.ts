// How much room there is on this device for what is accepted.

/**
 * Bytes this site may still write; undefined when the browser does not say. Asks it not to clear away what waits to be
 * saved: most grant or refuse that without a word.
 */
export async function freeBytes(): Promise<number | undefined> {
  try {
    void navigator.storage.persist().catch(() => false);
    const { quota, usage = 0 } = await navigator.storage.estimate();
    return quota === undefined ? undefined : Math.max(0, quota - usage);
  } catch {
    return undefined;
  }
}
