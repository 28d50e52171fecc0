// npm run test:deep: the consent invariants over 50,000 stories each. Takes the better part of an hour.
import { join } from 'node:path';
import { install, run } from './prepare.mjs';

install();
process.env.DOORSTEP_RUNS ??= '50000';
run(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), 'run', 'src/room/consent', 'src/ui/text-only']);
