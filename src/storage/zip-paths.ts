// Where received files go in an archive. Pure. Each keeps the name it has on its own, which no other file of the room has.

import { nameKey, uniqueName } from '../safety/file-name.ts';

/**
 * Paths as they come out of the room, made so that all of them can be unpacked side by side: a folder that is called like
 * one of the files gives way to it.
 */
export function zipPaths(paths: readonly string[]): string[] {
  // Empty folders end with a slash: they are no file's rival, and give way like all others.
  const files = paths.filter((path) => !path.endsWith('/'));
  const names = new Set(files.map((path) => nameKey(path.slice(path.lastIndexOf('/') + 1))));
  const renamed = new Map<string, string>();
  const folder = (name: string) => {
    const known = renamed.get(nameKey(name));
    if (known !== undefined || !names.has(nameKey(name))) return known ?? name;
    const unique = uniqueName(name, names);
    renamed.set(nameKey(name), unique);
    return unique;
  };
  return paths.map((path) => {
    const parts = path.split('/');
    return [...parts.slice(0, -1).map(folder), ...parts.slice(-1)].join('/');
  });
}
