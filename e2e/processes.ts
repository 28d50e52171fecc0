// The processes of a browser that runs on a profile of its own, and what memory they have to themselves (Linux).

import { readdir, readFile } from 'node:fs/promises';

/** Private bytes of a process (`/proc/<pid>/smaps_rollup`); 0 once it is gone. */
export async function privateBytes(pid: string): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, [, kB]) => sum + Number(kB) * 1024, 0);
}

interface Process {
  readonly parent: string;
  readonly commandLine: string;
}

async function processes(): Promise<Map<string, Process>> {
  const found = new Map<string, Process>();
  for (const pid of await readdir('/proc')) {
    const [stat, commandLine] = await Promise.all(
      ['stat', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
    );
    // The second field is a name in brackets, which may hold anything.
    const [, parent = ''] = /^.*\) \w (\d+)/s.exec(stat ?? '') ?? [];
    if (parent) found.set(pid, { parent, commandLine: commandLine ?? '' });
  }
  return found;
}

/** The renderer processes of the browser that runs on this profile. */
export async function renderers(profile: string): Promise<string[]> {
  const all = await processes();
  const isOurs = (pid: string): boolean => {
    const found = all.get(pid);
    return found !== undefined && (found.commandLine.includes(profile) || isOurs(found.parent));
  };
  return [...all]
    .filter(([pid, { commandLine }]) => commandLine.includes('--type=renderer') && isOurs(pid))
    .map(([pid]) => pid);
}
