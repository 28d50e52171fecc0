// A transfer is paused when either side paused it, and goes on when neither has.

import type { Engine, Transfer } from '../transfer/client.ts';
import { RateMeter } from '../transfer/rate.ts';

export interface PausedBy {
  readonly us: boolean;
  readonly them: boolean;
}

export const NOBODY: PausedBy = { us: false, them: false };

/** A file on its way, whichever way. */
interface Pausable<State> {
  state: State | 'paused';
  pausedBy: PausedBy;
  meter: RateMeter;
  readonly transfer: Transfer | undefined;
}

/** Notes who has paused a file on its way; `moving` is its state when nobody has. What that changes the engine is told. */
export function setPaused<State extends string>(
  file: Pausable<State>,
  pausedBy: PausedBy,
  moving: NoInfer<State>,
  engine: Pick<Engine, 'pause' | 'resume'>,
): void {
  const { transfer } = file;
  const isPaused = pausedBy.us || pausedBy.them;
  file.pausedBy = pausedBy;
  if (!transfer || isPaused === (file.state === 'paused')) return;
  file.state = isPaused ? 'paused' : moving;
  file.meter = new RateMeter();
  if (isPaused) engine.pause(transfer);
  else engine.resume(transfer);
}
