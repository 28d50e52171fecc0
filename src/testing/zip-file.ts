// ZIP archives on disk, for tests: written with holes where contents are zeros, and read by their directory as an unpacker
// would, not with the code that wrote them.

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

/** So many zeros: they take no room on the disk. */
export interface Zeros {
  readonly size: number;
}

export function writeParts(path: string, parts: Iterable<Uint8Array | Zeros>): void {
  const file = openSync(path, 'w');
  let at = 0;
  for (const part of parts) {
    if (part instanceof Uint8Array) at += writeSync(file, part, 0, part.length, at);
    else at += part.size;
  }
  ftruncateSync(file, at);
  closeSync(file);
}

export interface Listed {
  readonly path: string;
  readonly size: number;
  readonly crc32: number;
  readonly mode: number;
  /** Where the content begins. */
  readonly at: number;
}

const FULL_U16 = 0xffff;
const FULL_U32 = 0xffff_ffff;

/** Entries by the directory, each compared with what is said in front of its content. Throws when the archive is not sound. */
export function listZip(path: string): Listed[] {
  const file = openSync(path, 'r');
  const bytes = (at: number, length: number) => {
    const buffer = Buffer.alloc(length);
    if (readSync(file, buffer, 0, length, at) !== length) throw new Error(`nothing at ${at}`);
    return buffer;
  };
  const expectAt = (record: Buffer, signature: string) => {
    if (record.toString('latin1', 0, 4) !== signature) throw new Error(`no ${JSON.stringify(signature)}`);
    return record;
  };
  try {
    const { size: fileSize } = fstatSync(file);
    const end = expectAt(bytes(fileSize - 22, 22), 'PK\x05\x06');
    let [count, length, start] = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)];
    let directoryEnd = fileSize - 22;
    if (count === FULL_U16 || length === FULL_U32 || start === FULL_U32) {
      const locator = expectAt(bytes(fileSize - 42, 20), 'PK\x06\x07');
      directoryEnd = Number(locator.readBigUInt64LE(8));
      const end64 = expectAt(bytes(directoryEnd, 56), 'PK\x06\x06');
      if (Number(end64.readBigUInt64LE(4)) !== 44 || directoryEnd + 56 !== fileSize - 42)
        throw new Error('no ZIP64 end');
      [count, length, start] = [32, 40, 48].map((at) => Number(end64.readBigUInt64LE(at))) as [number, number, number];
    }
    if (start + length !== directoryEnd) throw new Error('the directory is not in front of the end');
    const directory = bytes(start, length);
    const found: Listed[] = [];
    let [at, content] = [0, 0];
    while (at < length) {
      const header = expectAt(directory.subarray(at, at + 46), 'PK\x01\x02');
      const [nameLength, extraLength] = [header.readUInt16LE(28), header.readUInt16LE(30)];
      const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
      const numbers = wide(
        header,
        [20, 24, 42],
        directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength),
      );
      const [packed = 0, size = 0, local = 0] = numbers;
      if (local !== content) throw new Error(`${name} is not behind the one before`);
      const front = expectAt(bytes(local, 30), 'PK\x03\x04');
      const rest = bytes(local + 30, front.readUInt16LE(26) + front.readUInt16LE(28));
      // From the version to the checksum both say the same.
      if (!front.subarray(6, 18).equals(header.subarray(8, 20))) throw new Error(`${name} has two headers`);
      if (rest.toString('utf8', 0, nameLength) !== name) throw new Error(`${name} has two names`);
      const frontSizes = wide(front, [18, 22], rest.subarray(front.readUInt16LE(26)));
      if (frontSizes.some((one) => one !== size) || packed !== size) throw new Error(`${name} has two sizes`);
      const mode = header.readUInt32LE(38) >>> 16;
      found.push({ path: name, size, crc32: header.readUInt32LE(16), mode, at: local + 30 + rest.length });
      content = local + 30 + rest.length + size;
      at += 46 + nameLength + extraLength + header.readUInt16LE(32);
    }
    if (found.length !== count || content !== start) throw new Error(`${found.length} entries and not ${count}`);
    return found;
  } finally {
    closeSync(file);
  }
}

/** Numbers of 4 bytes, or of 8 in the ZIP64 field when they did not fit; there the size comes before the packed size. */
function wide(header: Buffer, places: readonly number[], extra: Buffer): number[] {
  const isFull = (place: number) => header.readUInt32LE(place) === FULL_U32;
  const large = places.filter(isFull).length;
  if (extra.length !== (large && 4 + 8 * large)) throw new Error(`${extra.length} bytes for ${large} large numbers`);
  if (large && (extra.readUInt16LE(0) !== 1 || extra.readUInt16LE(2) !== 8 * large)) throw new Error('no ZIP64 field');
  let at = 4 - 8;
  return places.map((place) => (isFull(place) ? Number(extra.readBigUInt64LE((at += 8))) : header.readUInt32LE(place)));
}
