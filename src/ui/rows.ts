/** Rows a list begins with, and that are added at a time: thousands at once would keep the page from answering. */
export const PAGE_ROWS = 200;
