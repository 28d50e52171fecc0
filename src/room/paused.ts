// A transfer is paused when either side paused it, and goes on when neither has.

export interface PausedBy {
  readonly us: boolean;
  readonly them: boolean;
}

export const NOBODY: PausedBy = { us: false, them: false };
