// Saving: the explicit step out of staging. What is saved is always application/octet-stream under a sanitised name;
// nothing received is ever opened or rendered here.

import { Failure } from '../protocol/failure.ts';
export const TYPE = 'application/octet-stream';
/** Downloads read from the object URL for as long as they take; an hour outlasts any of them. */
const URL_LIFE_MS = 60 * 60 * 1000;

/** What goes on while something is saved. */
export interface Saving {
  readonly signal: AbortSignal;
  /** So many bytes more are done. */
  readonly progress: (bytes: number) => void;
}

/** Hands a blob to the browser's downloads under `name` (sanitised by the caller). */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob.slice(0, blob.size, TYPE));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), URL_LIFE_MS);
}

// Chromium has it, Firefox and Safari do not; the compiler does not know it.
type SavePicker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;

const picker = () => (globalThis as typeof globalThis & { showSaveFilePicker?: SavePicker }).showSaveFilePicker;

/** Whether this browser lets a page write to a file that the person chooses. */
export function canChooseTarget(): boolean {
  return picker() !== undefined;
}

/** Asks where to save to. Must run in a gesture. Throws Failure: `cancelled` when the person thought better of it. */
export async function chooseTarget(name: string): Promise<FileSystemFileHandle> {
  try {
    const choose = picker();
    if (!choose) throw new Failure('save-failed', 'nothing to choose with');
    return await choose({ suggestedName: name });
  } catch (error) {
    throw Failure.from(error, isNamed(error, 'AbortError') ? 'cancelled' : 'save-failed');
  }
}

/** Writes a blob to a file, which stays as it was unless all of it could be written. Throws Failure. */
export async function writeTo(target: FileSystemFileHandle, blob: Blob, { signal, progress }: Saving): Promise<void> {
  try {
    const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        progress(chunk.length);
        controller.enqueue(chunk);
      },
    });
    await blob
      .stream()
      .pipeThrough(counted, { signal })
      .pipeTo(await target.createWritable(), { signal });
  } catch (error) {
    throw saveFailure(error, signal);
  }
}

/** Why something could not be saved. */
export function saveFailure(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted) return new Failure('cancelled');
  return Failure.from(error, isNamed(error, 'QuotaExceededError') ? 'disk-full' : 'save-failed');
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof DOMException && error.name === name;
}
