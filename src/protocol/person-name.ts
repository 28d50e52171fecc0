// The name a person gives themselves: whatever they like, as long as it is text and short. It proves nothing.

import * as v from 'valibot';
import { MAX_NAME_CHARS } from './limits.ts';

export const personName = v.pipe(
  v.string(),
  v.maxLength(MAX_NAME_CHARS),
  v.check((text) => text.isWellFormed(), 'lone surrogate'),
);
