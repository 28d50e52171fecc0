/** Rows a list begins with, and that are added at a time: thousands at once would keep the page from answering. */
export const PAGE_ROWS = 100;
/** From here on it is worth a button to say where a file goes: written there, it is freed here at once. */
export const LARGE_BYTES = 64 * 1024 * 1024;
