// ZIP archives of stored entries, with ZIP64 records where a number does not fit (PKWARE's APPNOTE.TXT 6.3, sections
// 4.3.7 to 4.5.3). An archive is a list of parts: the headers, made here, and between them the contents, which are only
// pointed at. Pure. The caller answers for paths that are safe and unique, and for checksums that are right.

import { concat, utf8, type Bytes } from '../protocol/bytes.ts';

export interface ZipEntry<Content extends { readonly size: number }> {
  /** Folders and name, joined by `/`; one that ends with it is an empty folder. */
  readonly path: string;
  /** Milliseconds since 1970; whatever ZIP cannot say becomes the nearest it can. */
  readonly modified: number;
  readonly crc32: number;
  readonly content: Content;
}

const LOCAL = 0x04034b50;
const DIRECTORY = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR64 = 0x07064b50;
/** The tag of the extra field that holds what does not fit. */
const ZIP64 = 0x0001;

/** In place of a number that does not fit: it is in a ZIP64 record. */
const MAX_U16 = 0xffff;
const MAX_U32 = 0xffff_ffff;

/** What an unpacker has to know: 2.0 (folders), or 4.5 (ZIP64). */
const PLAIN = 20;
const LARGE = 45;
const MADE_ON_UNIX = 3 << 8;
/** A regular file that its owner may write and everybody may read: nothing received is made executable. */
const MODE = 0o100644;
/** A folder its owner may change and everybody may look into; and the bit by which DOS knew one. */
const FOLDER_MODE = 0o040755;
const FOLDER_BIT = 0x10;
const NAME_IS_UTF8 = 1 << 11;
const STORED = 0;

type Field = readonly [bytes: 2 | 4 | 8, value: number];
const u16 = (value: number): Field => [2, value];
const u32 = (value: number): Field => [4, value];
const u64 = (value: number): Field => [8, value];
const capped16 = (value: number) => u16(Math.min(value, MAX_U16));
const capped32 = (value: number) => u32(Math.min(value, MAX_U32));

/** Numbers one after the other, little-endian. */
function record(fields: readonly Field[]): Bytes {
  const view = new DataView(new ArrayBuffer(fields.reduce((length, [bytes]) => length + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else if (bytes === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/** The extra field with those numbers that do not fit, in their order; nothing when all do. */
function extra(...large: readonly number[]): Bytes {
  return large.length ? record([u16(ZIP64), u16(8 * large.length), ...large.map(u64)]) : new Uint8Array();
}

const FIRST_YEAR = 1980;
const EARLIEST = new Date(FIRST_YEAR, 0, 1).getTime();
const LATEST = new Date(FIRST_YEAR + 127, 11, 31, 23, 59, 58).getTime();

/** Time and date as DOS wrote them: of this place, and to two seconds. */
function dosTime(modified: number): readonly [time: Field, date: Field] {
  const at = new Date(Math.min(Math.max(modified, EARLIEST), LATEST));
  return [
    u16((at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1)),
    u16(((at.getFullYear() - FIRST_YEAR) << 9) | ((at.getMonth() + 1) << 5) | at.getDate()),
  ];
}

type AnyEntry = ZipEntry<{ readonly size: number }>;

/** From the version needed to the length of the extra field: what an entry's two headers have in common. */
function common({ path, modified, crc32, content: { size } }: AnyEntry, version: number, name: Bytes, more: Bytes) {
  return [
    ...[u16(version), u16(NAME_IS_UTF8), u16(STORED), ...dosTime(modified), u32(crc32)],
    ...[capped32(size), capped32(size), u16(checkedLength(name, path)), u16(more.length)],
  ];
}

function checkedLength(name: Bytes, path: string): number {
  if (name.length === 0 || name.length > MAX_U16) throw new RangeError(`a path of ${path.length} characters`);
  return name.length;
}

/** In front of an entry's content. */
function localHeader(entry: AnyEntry): Bytes {
  const name = utf8(entry.path);
  const { size } = entry.content;
  const isLarge = size >= MAX_U32;
  const more = isLarge ? extra(size, size) : extra();
  return concat(record([u32(LOCAL), ...common(entry, isLarge ? LARGE : PLAIN, name, more)]), name, more);
}

function attributes({ path }: AnyEntry): number {
  return path.endsWith('/') ? FOLDER_MODE * 2 ** 16 + FOLDER_BIT : MODE * 2 ** 16;
}

/** In the directory at the end; `at`: where the local header begins. */
function directoryHeader(entry: AnyEntry, at: number): Bytes {
  const name = utf8(entry.path);
  const { size } = entry.content;
  const more = extra(...(size >= MAX_U32 ? [size, size] : []), ...(at >= MAX_U32 ? [at] : []));
  const version = more.length ? LARGE : PLAIN;
  const [comment, disk, internal] = [u16(0), u16(0), u16(0)];
  return concat(
    record([
      ...[u32(DIRECTORY), u16(MADE_ON_UNIX | version), ...common(entry, version, name, more)],
      ...[comment, disk, internal, u32(attributes(entry)), capped32(at)],
    ]),
    name,
    more,
  );
}

/** What an unpacker looks for first: how many entries there are, and where the directory is. */
function end(entries: number, directoryBytes: number, directoryAt: number): Bytes {
  const isLarge = entries >= MAX_U16 || directoryBytes >= MAX_U32 || directoryAt >= MAX_U32;
  const [disk16, disk32] = [u16(0), u32(0)];
  // The length in it counts what follows that length.
  const end64 = [
    ...[u32(END64), u64(END64_BYTES - 12), u16(MADE_ON_UNIX | LARGE), u16(LARGE), disk32, disk32],
    ...[u64(entries), u64(entries), u64(directoryBytes), u64(directoryAt)],
  ];
  const locator64 = [u32(LOCATOR64), disk32, u64(directoryAt + directoryBytes), u32(1)];
  const comment = u16(0);
  return record([
    ...(isLarge ? [...end64, ...locator64] : []),
    ...[u32(END), disk16, disk16, capped16(entries), capped16(entries)],
    ...[capped32(directoryBytes), capped32(directoryAt), comment],
  ]);
}

/** The parts of an archive, in order. */
export function* zipParts<Content extends { readonly size: number }>(
  entries: Iterable<ZipEntry<Content>>,
): Generator<Bytes | Content> {
  const directory: Bytes[] = [];
  let at = 0;
  for (const entry of entries) {
    const header = localHeader(entry);
    directory.push(directoryHeader(entry, at));
    at += header.length + entry.content.size;
    yield header;
    yield entry.content;
  }
  const directoryBytes = directory.reduce((bytes, header) => bytes + header.length, 0);
  yield* directory;
  yield end(directory.length, directoryBytes, at);
}
